// Draws Figure views with Plotly: the only file that knows it. Loaded by the first figure that moves.
import { plotlyLayout, plotlyTraces } from "./figure-theme.js";
import { theme } from "./theme.js";

const CONFIG = { displayModeBar: false, responsive: true, doubleClick: false, scrollZoom: false };
const drawn = new Map(); // node → view: to be recoloured when the theme changes

let plotly;

export function prefetchPlotly() {
  plotly ??= import("plotly.js-cartesian-dist-min").then((module) => module.default);
  return plotly;
}

/** Draw a view into a node, over the static figure that stands there. */
export async function drawFigure(node, view) {
  const Plotly = await prefetchPlotly();
  const colours = theme();
  const layout = plotlyLayout(view.layout, colours, { data: view.data, width: node.clientWidth });
  drawn.set(node, view);
  await Plotly.react(node, plotlyTraces(view.data, colours, view.layout), layout, CONFIG);
}

/** Figures follow the theme without being computed again. */
export function recolour() {
  for (const [node, view] of drawn) {
    if (node.isConnected) drawFigure(node, view);
    else drawn.delete(node);
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
for (const event of ["page", "themechange"]) document.addEventListener(event, recolour);
