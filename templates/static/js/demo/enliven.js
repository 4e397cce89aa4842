// Brings the build's own views to life: what can move without Python moves at once. Knows no demo.
import { part } from "../page/parts.js";
import { wireSteps } from "./steps.js";

export function enliven(container) {
  wireMatricesLate(container);
  bringIntoSight(container);
  for (const steps of container.querySelectorAll(".view-steps")) wireSteps(steps);
}

/** A cell that tells its arithmetic is seen, however narrow the place that its table scrolls in. */
export function bringIntoSight(container) {
  for (const cell of container.querySelectorAll("td.at")) {
    const place = cell.closest(".scroll");
    const names = cell.parentElement.cells[0].offsetWidth; // they stay in sight, and cover what is behind them
    const { offsetLeft: left, offsetWidth: width } = cell;
    if (left < place.scrollLeft + names || left + width > place.scrollLeft + place.clientWidth)
      place.scrollLeft = left + width / 2 - (names + place.clientWidth) / 2;
  }
}

function wireMatricesLate(container) {
  const begin = ({ target }) => {
    if (!target.closest("td[tabindex]")) return;
    for (const type of ["pointerover", "focusin"]) container.removeEventListener(type, begin);
    part("live").then(({ wireMatrices }) => wireMatrices(container), () => wireMatricesLate(container)); // or at the next cell
  };
  for (const type of ["pointerover", "focusin"]) container.addEventListener(type, begin);
}
