// Brings the build's own views to life: what can move without Python moves at once. Knows no demo.
import { part } from "../page/parts.js";
import { wireSteps } from "./steps.js";

export function enliven(container) {
  wireMatricesLate(container);
  for (const steps of container.querySelectorAll(".view-steps")) wireSteps(steps);
}

function wireMatricesLate(container) {
  const begin = ({ target }) => {
    if (!target.closest("td[tabindex]")) return;
    for (const type of ["pointerover", "focusin"]) container.removeEventListener(type, begin);
    part("live").then(({ wireMatrices }) => wireMatrices(container), () => wireMatricesLate(container)); // or at the next cell
  };
  for (const type of ["pointerover", "focusin"]) container.addEventListener(type, begin);
}
