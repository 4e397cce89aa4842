// Puts views into the page, keeping the nodes that stay: a figure is updated, not replaced. Knows no demo.
import { bringIntoSight } from "./enliven.js";
import { drawFigure } from "./figure.js";
import { keepingCell, wireMatrices } from "./matrix.js";
import { withPinned } from "./pin.js";
import { wireSteps } from "./steps.js";
import { adopt } from "../page/style.js";
import { figureTableHtml, formatNumber, viewHtml } from "./views.js";

export { prefetchPlotly } from "./figure.js";
export { canPin } from "./pin.js";

/* global LIVE_STYLE */ // defined by builder/bundle/assets.py: css/live.css

adopt(LIVE_STYLE);

const html = (text) => document.createRange().createContextualFragment(text).firstElementChild;

/** Make a container show these views, with pinned ones behind them when there is a comparison, {pinned, values}.
 *  Resolves when its figures are drawn. */
export async function showViews(container, views, comparison = null) {
  wireMatrices(container);
  const all = comparison ? withPinned(views, comparison.pinned, comparison.values) : views;
  const shown = all.filter((view) => view.view !== "progress");
  const nodes = [...container.children];
  for (const node of nodes.slice(shown.length)) node.remove();
  await keepingCell(container, () => Promise.all(shown.map((view, i) => showView(container, nodes[i], view))));
  bringIntoSight(container);
}

/** What there is to say about these views: `first` what tells most, a line each; `then` the numbers in detail, which are
 *  wanted where nothing in `first` is new. */
export function spoken(views) {
  const lines = (how) => views.flatMap((view) => how[view.view]?.(view) ?? []).filter(Boolean);
  const told = views.some(({ alt }) => alt) ? { ...SPOKEN, metrics: null } : SPOKEN;
  return { first: lines(told), then: lines(DETAILS) };
}

/** Why an answer does not take the place of what is shown: a text half typed would tear the figures down. */
export function refusal(views, stage) {
  const only = views.length === 1 && views[0].view === "note" && views[0].kind === "warning";
  return only && stage.children.length > 1 ? `${views[0].text} What is shown came before.` : "";
}

/** Of these lines what was not heard before. */
export function news({ first, then }, heard = []) {
  const fresh = (lines) => lines.filter((line) => !heard.includes(line)).join(" ");
  const details = fresh(then);
  return fresh(first) || (details.length > LONGEST ? `${details.slice(0, LONGEST)} …` : details) || "Nothing changes.";
}

const LONGEST = 300; // characters of details that are worth hearing

const DETAILS = {
  metrics: ({ items }) => Array.from(items, ({ label, value, unit }) => `${label} ${formatNumber(value)} ${unit ?? ""}.`),
  table: ({ columns, rows }) => Array.from(rows, ([head, ...cells]) => `${head}: ${cells.map((cell, i) => `${columns[i + 1]} ${formatNumber(cell)}`).join(", ")}.`),
  steps: ({ frames }) => frames.at(-1).caption,
};

const SPOKEN = {
  figure: ({ alt }) => alt,
  note: ({ text }) => text,
  tokens: ({ caption }) => caption,
  badge: ({ label, value, limit }) => `${value <= limit ? "Holds" : "Fails"}: ${label} = ${formatNumber(value)}.`,
  metrics: ({ items }) => items.map(({ label, value, unit }) => `${label} ${formatNumber(value)} ${unit ?? ""}`.trim()).join(", "),
};

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
    if (data) {
      data.ontoggle = tabulate;
      tabulate();
    }
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
  plot.ariaHidden = "true"; // the text alternative and the data below it say all, and in order
  const still = node.querySelector(".figure-static");
  if (still) plot.style.height = `${still.getBoundingClientRect().height}px`;
  node.prepend(plot);
  return plot;
}
