// Steps: shows one frame of a list at a time, with ◀ ▶, a scrubber and the arrow keys. Without JavaScript the whole
// list stands there. Knows nothing of what is in a frame, only that inputs, cells and scrolling regions keep their keys.

import { announce } from "../page/announce.js";

const KEYS = { ArrowLeft: -1, ArrowRight: 1 };
const OWN_KEYS = "input, select, textarea, td, .scroll, .js-plotly-plot";

/** Give a steps view its controls (once) and show the frame that the reader had chosen. */
export function wireSteps(node, onShow = () => {}) {
  node.onShow = onShow;
  if (!node.querySelector(".step-controls")) {
    node.prepend(document.createRange().createContextualFragment(CONTROLS));
    node.addEventListener("input", (event) => event.target.matches("[data-scrub]") && ours(event, node));
    node.addEventListener("keydown", (event) => key(event, node));
    node.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-step]");
      if (button) move(node, index(node) + Number(button.dataset.step));
    });
  }
  go(node, index(node));
}

const CONTROLS = `<div class="step-controls">
  <button type="button" data-step="-1" aria-label="Previous step">◀</button>
  <label class="step-scrubber"><span class="visually-hidden">Step</span><input type="range" data-scrub min="0" step="1" value="0" autocomplete="off"></label>
  <button type="button" data-step="1" aria-label="Next step">▶</button>
  <span class="step-position"></span>
</div>`;

const index = (node) => Number(node.dataset.index ?? 0);
const framesOf = (node) => [...node.querySelector(".step-frames").children];

// The scrubber is no control of the demo: moving it asks Python for nothing.
function ours(event, node) {
  event.stopPropagation();
  move(node, Number(event.target.value));
}

function key(event, node) {
  const step = KEYS[event.key];
  if (!step || event.ctrlKey || event.altKey || event.metaKey || event.target.closest(OWN_KEYS)) return;
  event.preventDefault();
  move(node, index(node) + step);
}

// By the reader: the step's caption is told.
function move(node, wanted) {
  go(node, wanted);
  const frame = framesOf(node)[index(node)];
  announce(`${node.querySelector(".step-position").textContent}: ${frame.querySelector(".step-caption").textContent}`);
}

// At an end the button is only said to be disabled: it keeps the focus, and with it the arrow keys.
function go(node, wanted) {
  const frames = framesOf(node);
  const at = Math.min(Math.max(wanted, 0), frames.length - 1);
  node.dataset.index = at;
  frames.forEach((frame, i) => (frame.hidden = i !== at));
  const scrubber = node.querySelector("[data-scrub]");
  Object.assign(scrubber, { max: frames.length - 1, value: at });
  scrubber.setAttribute("aria-valuetext", `Step ${at + 1} of ${frames.length}`);
  node.querySelector(".step-position").textContent = `${at + 1} / ${frames.length}`;
  node.querySelector('[data-step="-1"]').ariaDisabled = String(at === 0);
  node.querySelector('[data-step="1"]').ariaDisabled = String(at === frames.length - 1);
  node.onShow(frames[at], at);
}
