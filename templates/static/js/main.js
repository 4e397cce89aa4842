// The page's script: the elements, soft navigation, and the decision when to start Python.
import "./code-cell.js";
import "./contents.js";
import "./copy.js";
import "./demo.js";
import "./exercise.js";
import "./navigate.js";
import "./popover.js";
import "./predict.js";
import "./progress.js";
import "./search.js";
import "./theme-switch.js";
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
  if (!alive || navigator.connection?.saveData || !document.querySelector(".topic llm-demo")) return;
  import("./show.js").then(({ prefetchPlotly }) => prefetchPlotly()).catch(() => {}); // whoever draws asks again, and says it
  startPython();
}

const wireMap = () => document.querySelector("prerequisite-map") && import("./map.js"); // on the index only

for (const sign of SIGNS) addEventListener(sign, wake, { capture: true, passive: true });
for (const react of [begin, wireMap]) document.addEventListener("page", react);
wireMap();
