// Puts views into the page, keeping the nodes that stay: a figure is updated, not replaced. Knows no demo.
import { drawFigure } from "./figure.js";
import { keepingCell } from "./matrix.js";
import { wireSteps } from "./steps.js";
import { figureTableHtml, viewHtml } from "./views.js";

export { prefetchPlotly } from "./figure.js";

const html = (text) => document.createRange().createContextualFragment(text).firstElementChild;

/** Make a container show these views. Resolves when its figures are drawn. */
export async function showViews(container, views) {
  const shown = views.filter((view) => view.view !== "progress");
  const nodes = [...container.children];
  for (const node of nodes.slice(shown.length)) node.remove();
  await keepingCell(container, () => Promise.all(shown.map((view, i) => showView(container, nodes[i], view))));
}

function showView(container, node, view) {
  const kept = node?.dataset.view === view.view && UPDATE[view.view] ? node : html(viewHtml(view));
  if (!node) container.append(kept);
  else if (kept !== node) node.replaceWith(kept);
  return UPDATE[view.view]?.(kept, view, kept === node);
}

const UPDATE = {
  async figure(node, view, kept) {
    if (kept) node.querySelector(".figure-alt").textContent = view.alt;
    const data = node.querySelector(".figure-data");
    const tabulate = () => data.open && data.querySelector(".figure-table").replaceChildren(html(figureTableHtml(view)));
    data.ontoggle = tabulate;
    tabulate();
    const plot = plotNode(node);
    await drawFigure(plot, view);
    node.querySelector(".figure-static")?.remove();
  },

  // The scrubber stays where the reader has put it while the frames behind it change.
  steps(node, view, kept) {
    if (kept) node.querySelector(".step-frames").replaceWith(html(viewHtml(view)).querySelector(".step-frames"));
    wireSteps(node, (frame, at) => showViews(frame.querySelector(".step-views") ?? frame, view.frames[at].views));
  },
};

// A figure is drawn at the height of the static one that it replaces: nothing on the page jumps.
function plotNode(node) {
  const there = node.querySelector(".figure-plot");
  if (there) return there;
  const plot = document.createElement("div");
  plot.className = "figure-plot";
  const still = node.querySelector(".figure-static");
  if (still) plot.style.height = `${still.getBoundingClientRect().height}px`;
  node.prepend(plot);
  return plot;
}
