// Pinned curves: frozen views as pale, dotted ghosts behind the live ones. Pure: views in, views out. Knows the trace
// types, neither Plotly nor the page.

const comparable = (view) => view?.view === "figure" && view.data.every(({ type }) => type !== "heatmap");

/** Whether there is a figure of lines, points or bars among these views. */
export const canPin = (views) => views.some(comparable);

/** These views with the pinned ones behind them. Values are [[label, text], …]; those that differ are named. */
export function withPinned(views, pinned, values) {
  const others = pinned.values.filter(([, text], i) => text !== values[i][1]).map((pair) => pair.join(" "));
  const says = others.join(", ") || "the same values";
  return views.map((view, i) => (comparable(view) && comparable(pinned.views[i]) ? both(view, pinned.views[i], says) : view));
}

function both(live, old, says) {
  const ghosts = old.data.map((trace, i) => ghost(trace, live.data[i]));
  const bars = ghosts.some(({ yaxis }) => yaxis);
  const range = (axis) => united(live.layout[axis], old.layout[axis]);
  const layout = { ...live.layout, xaxis: range("xaxis"), yaxis: range("yaxis"), showlegend: showsLegend(live) };
  if (bars) layout.yaxis2 = { ...layout.yaxis, overlaying: "y", matches: "y", visible: false };
  return { ...live, data: [...ghosts, ...live.data], layout, alt: `${live.alt} Pinned behind it, at ${says}: ${old.alt}` };
}

// Two live curves have a legend, one with its ghost needs none.
const showsLegend = ({ data, layout }) => layout.showlegend ?? data.filter(({ name }) => name).length > 1;

function ghost(trace, live) {
  const name = trace.name ? `pinned ${trace.name}` : "pinned";
  const pale = { ...trace, name, showlegend: false, text: undefined };
  if (trace.type === "bar") return outline(pale, live);
  return { ...pale, opacity: 0.45, line: { ...trace.line, dash: "dot" }, marker: { ...trace.marker, symbol: `${trace.marker?.symbol ?? "circle"}-open` } };
}

// A bar is told apart by its outline. It stands on axes of its own, so that it neither stacks with the live bars nor
// pushes them aside; and over the live bar of its place, also where their names tell different numbers.
function outline(trace, live) {
  const place = trace.orientation === "h" ? "y" : "x";
  const same = live?.type === "bar" && live[place]?.length === trace[place]?.length;
  return { ...trace, [place]: same ? live[place] : trace[place], yaxis: "y2", meta: { ...trace.meta, outline: true } };
}

// An axis whose range the author has fixed must show the ghost too.
function united(axis, old) {
  if (!axis?.range || !old?.range) return axis;
  return { ...axis, range: [Math.min(axis.range[0], old.range[0]), Math.max(axis.range[1], old.range[1])] };
}
