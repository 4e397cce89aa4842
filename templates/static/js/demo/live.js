// The part of the page that a demo needs once it moves: what draws, what explains cells, and what its tools do.
export { canPin, news, prefetchPlotly, refusal, showViews, spoken } from "./show.js";
export { wireMatrices } from "./matrix.js";
export { TOOLS } from "./tool-actions.js";
