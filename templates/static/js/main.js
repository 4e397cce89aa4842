// The page's script: the elements, soft navigation, and the decision when to start Python.
import "./code-cell.js";
import "./demo.js";
import "./exercise.js";
import "./navigate.js";
import { prefetchPlotly } from "./figure.js";
import { startPython } from "./python.js";

export { callPython, pythonStatus } from "./python.js"; // for the console, the benchmark and the tests

// Python is 7 MB: it starts with the reader's first sign of life, not for a page that is closed at once,
// and where data is precious only when a control is moved.
const SIGNS = ["pointermove", "pointerdown", "keydown", "scroll", "touchstart"];
let alive = false;

function wake() {
  alive = true;
  for (const sign of SIGNS) removeEventListener(sign, wake, { capture: true });
  begin();
}

function begin() {
  if (!alive || navigator.connection?.saveData || !document.querySelector("llm-demo")) return;
  prefetchPlotly();
  startPython();
}

for (const sign of SIGNS) addEventListener(sign, wake, { capture: true, passive: true });
document.addEventListener("page", begin);

// Contents stand open where there is a column for them.
const wide = matchMedia("(min-width: 75rem)");
function unfold() {
  for (const contents of document.querySelectorAll(".contents")) contents.open = wide.matches;
}
unfold();
wide.addEventListener("change", unfold);
document.addEventListener("page", unfold);
