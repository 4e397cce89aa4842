// Puts views into the page, keeping the nodes that stay: a figure is updated, not replaced.
import { drawFigure } from "./figure.js";
import { figureTableHtml, stepHtml, viewHtml } from "./views.js";

const html = (text) => document.createRange().createContextualFragment(text).firstElementChild;

/** Make a container show these views. Resolves when figures are drawn. */
export async function showViews(container, views) {
  const shown = views.filter((view) => view.view !== "progress");
  const nodes = [...container.children];
  for (const node of nodes.slice(shown.length)) node.remove();
  await Promise.all(shown.map((view, i) => showView(container, nodes[i], view)));
}

function showView(container, node, view) {
  const kept = node?.dataset.view === view.view ? node : null;
  if (kept && UPDATE[view.view]) return UPDATE[view.view](kept, view);
  const fresh = html(viewHtml(view));
  if (node) node.replaceWith(fresh);
  else container.append(fresh);
  return UPDATE[view.view]?.(fresh, view);
}

const UPDATE = {
  async figure(node, view) {
    node.querySelector(".figure-alt").textContent = view.alt;
    const data = node.querySelector(".figure-data");
    const table = () => data.querySelector(".figure-table").replaceChildren(html(figureTableHtml(view)));
    data.ontoggle = () => data.open && table();
    if (data.open) table();
    await drawFigure(plotNode(node), view);
    node.querySelector(".figure-static")?.remove();
  },

  // The scrubber stays where the reader has put it while the frames behind it change.
  async steps(node, view) {
    const index = Math.min(Number(node.dataset.index ?? 0), view.frames.length - 1);
    node.frames = view.frames;
    await showStep(node, index);
    if (node.wired) return;
    node.wired = true;
    node.addEventListener("input", (event) => event.target.matches("[data-scrub]") && go(node, Number(event.target.value)));
    node.addEventListener("click", ({ target }) => {
      const step = target.closest("[data-step]");
      if (step) go(node, Number(node.dataset.index) + Number(step.dataset.step));
    });
  },
};

// A figure is drawn at the height of the static one that it replaces: nothing on the page jumps.
function plotNode(node) {
  const plot = node.querySelector(".figure-plot") ?? node.insertBefore(document.createElement("div"), node.firstChild);
  plot.className = "figure-plot";
  const still = node.querySelector(".figure-static");
  if (still) plot.style.setProperty("--static-height", `${still.getBoundingClientRect().height}px`);
  return plot;
}
