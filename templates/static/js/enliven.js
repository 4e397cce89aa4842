// Brings the build's own views to life: what can move without Python moves at once. Knows no demo.
import { wireMatrices } from "./matrix.js";
import { wireSteps } from "./steps.js";

export function enliven(container) {
  wireMatrices(container);
  for (const steps of container.querySelectorAll(".view-steps")) wireSteps(steps);
}
