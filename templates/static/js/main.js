// The page's script: the elements, soft navigation, and the decision when to start Python.
import "./editing/code-cell.js";
import "./page/contents.js";
import "./page/copy.js";
import "./page/kept-note.js";
import "./page/copy-tex.js";
import "./demo/demo.js";
import "./editing/exercise.js";
import "./page/lecture-mode.js";
import "./page/navigate.js";
import "./page/popover.js";
import "./page/predict.js";
import "./page/progress.js";
import "./page/report.js";
import "./page/search.js";
import "./page/theme-switch.js";
import { notice } from "./page/notice.js";
import { askedPart, part } from "./page/parts.js";
import { onPython, startPython } from "./python/python.js";

export { callPython, checkPython, pythonStatus } from "./python/python.js"; // for the console, the benchmark and the tests

// Python is 7 MB: it starts with the reader's first sign of life, not for a page that is closed at once,
// and where data is precious only when a control is moved.
const SIGNS = ["pointermove", "pointerdown", "keydown", "scroll", "touchstart"];
let alive = false;

function wake({ type, movementX, movementY }) {
  if (type === "pointermove" && !movementX && !movementY) return; // Chromium tells of a pointer that rests, now and then
  alive = true;
  for (const sign of SIGNS) removeEventListener(sign, wake, { capture: true });
  begin();
}

function begin() {
  if (!alive || navigator.connection?.saveData || !document.querySelector(".topic llm-demo")) return;
  part("live").then(({ prefetchPlotly }) => prefetchPlotly()).catch(() => {}); // whoever draws asks again, and says it
  startPython();
}

// What one page alone has: without its script, links, lists and words stand there; a switch is told.
const ALONE = { "prerequisite-map": "map", "practice-list": "practice" };
const ASKED = { "what-is-yours": ["yours", "What is yours"], "offline-copy": ["offline-copy", "The switch"] };

function wire() {
  for (const [element, name] of Object.entries(ALONE)) if (document.querySelector(element)) part(name).catch(() => {});
  for (const [element, [name, called]] of Object.entries(ASKED)) if (document.querySelector(element)) askedPart(name, called, "Reload");
}

onPython(({ updated, message }) => updated && notice(message, { reload: true }));

for (const sign of SIGNS) addEventListener(sign, wake, { capture: true, passive: true });
for (const react of [begin, wire]) document.addEventListener("page", react);
wire();
document.documentElement.dataset.script = "on"; // early.js and the styles wait for it
