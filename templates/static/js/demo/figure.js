// Draws Figure views with Plotly: the only file that knows it. Plotly is loaded at the reader's first sign of life, or
// by the first figure that moves.
import * as look from "./figure-theme.js";
import { part } from "../page/parts.js";
import { theme } from "../page/theme.js";

const CONFIG = { displayModeBar: false, responsive: true, doubleClick: false, scrollZoom: false };
const PROJECTED = 1.6; // how much larger texts and marks are in full screen
const TYPE = 12; // px of the texts of a figure on a page
const PAPER = 620; // px that a figure may be wide in print: A4 with its margins
const drawn = new Map(); // node → view: to be drawn again when the theme, the screen or the medium changes

let Plotly; // once it is there: print does not wait

// Plotly listens to the wheel eight times a figure, though nothing zooms here. Each such listener makes WebKit find the
// style of the whole page anew: 50 to 70 ms on a long one.
Element.prototype.addEventListener = function (kind, ...rest) {
  if (kind !== "wheel" || !this.closest(".figure-plot")) EventTarget.prototype.addEventListener.call(this, kind, ...rest);
};

export async function prefetchPlotly() {
  ({ default: Plotly } = await part("plotly"));
}

/** Draw a view into a node, over the static figure that stands there. */
export async function drawFigure(node, view) {
  await prefetchPlotly();
  letGo();
  if (!node.isConnected) return;
  // Plotly keeps the room of tick labels that are gone with their axis
  if (drawn.has(node) && axesOf(drawn.get(node)) !== axesOf(view)) Plotly.purge(node);
  drawn.set(node, view);
  await react(node, view);
}

const axesOf = ({ layout }) => [layout.xaxis, layout.yaxis].map((axis) => axis?.visible !== false).join();

function react(node, view, width = node.clientWidth, colours = theme()) {
  const k = scaleOf(node);
  const given = k > 1 ? { ...view.layout, height: node.clientHeight / k } : view.layout;
  const layout = look.plotlyLayout(given, colours, { data: view.data, width: width / k });
  if (width !== node.clientWidth) layout.width = width;
  const traces = look.plotlyTraces(view.data, colours, view.layout);
  const sized = (thing) => (k > 1 ? look.enlarged(thing, k) : thing);
  return Plotly.react(node, sized(traces), sized(layout), CONFIG);
}

// In a lecture the root's type is as large as the hall needs, and figures follow it.
function scaleOf(node) {
  if (node.closest(".presented")) return parseFloat(getComputedStyle(document.documentElement).fontSize) / TYPE;
  return node.closest("llm-demo:fullscreen") ? PROJECTED : 1;
}

/** A drawn figure as the URL of a picture, "svg" or "png", on the theme's own background. */
export function figureImage(node, format) {
  const { width, height } = node.getBoundingClientRect();
  const { surface } = theme();
  const layout = { ...node.layout, paper_bgcolor: surface };
  return Plotly.toImage({ data: node.data, layout, config: CONFIG }, { format, width, height, scale: format === "png" ? 2 : 1 });
}

// Plotly listens to the window for each figure, and so holds the whole page that it stood on.
function letGo() {
  for (const node of drawn.keys()) {
    if (node.isConnected) continue;
    Plotly.purge(node);
    drawn.delete(node);
  }
}

/** Figures follow the theme without being computed again. */
function recolour() {
  letGo();
  for (const [node, view] of drawn) react(node, view);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
for (const event of ["page", "themechange", "fullscreenchange", "lecture"]) document.addEventListener(event, recolour);
addEventListener("beforeprint", () => {
  for (const [node, view] of drawn) if (node.isConnected) react(node, view, Math.min(PAPER, node.clientWidth), theme("light"));
});
addEventListener("afterprint", recolour);
