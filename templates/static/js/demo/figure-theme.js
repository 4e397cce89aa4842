// Gives Plotly the look of builder/figure/svg.py: pure functions from a view's figure and the theme's resolved colours to
// what Plotly wants. Knows neither Plotly nor the page, and changes nothing that it is given.
//
//   theme   {text, textMuted, rule, surface, font, ink: {query: "#…", key: "#…", …}}; font is the page's own, as
//           getComputedStyle(node).fontFamily tells it: Plotly's stylesheet stands in the way of "inherit"
//   Plotly.react(node, plotlyTraces(data, theme, layout), plotlyLayout(layout, theme, {data, width}))
//
// `data` and `width` (px) let logarithmic axes get the same ticks as the static picture: logTicks and tickText are
// the twins of log_ticks and tick_text in builder/figure/axes.py, and tests/builder/test_figures.py holds them equal.
// Linear axes keep Plotly's own ticks, printed with exponentformat "B" (10k, 2M, 7B) and commas.

const BASE_2 = Math.log10(2);
const FONT = 12;
const [LEGEND_ROW, LEGEND_FIRST] = [19, 31];
const NARROW = "ijlftrI.,:;'|!()[]{} ·`-⁰¹²³⁴⁵⁶⁷⁸⁹⁻";
const WIDE = "mwMW@%—×";

// ---- traces

export function plotlyTraces(data, theme, layout = {}) {
  return data.map((trace) => {
    const ink = theme.ink[trace.meta.ink];
    const looks = { scatter: scatterLook, bar: barLook, heatmap: heatmapLook };
    const look = looks[trace.type ?? "scatter"](trace, ink, theme, layout);
    const themed = merged(look, trace.type === "heatmap" ? { ...trace, z: rows(trace.z) } : trace);
    if (trace.marker?.symbol === "x") themed.marker.symbol = "x-thin"; // two strokes, as the static picture has it
    return themed;
  });
}

function scatterLook(trace, ink, theme) {
  return {
    line: { color: ink, width: 2 },
    marker: { color: ink, line: { color: ink, width: trace.marker?.symbol === "x" ? 2.5 : 0 } },
    fillcolor: faded(ink, 0.2),
    textfont: { color: theme.text, size: FONT },
  };
}

function barLook(trace, ink, theme, layout) {
  const inside = (layout.barmode ?? "group") !== "group";
  const marker = trace.meta?.outline ? { color: "rgba(0,0,0,0)", line: { color: ink, width: 2 } } : { color: ink, line: { width: 0 } };
  return {
    marker,
    textposition: inside ? "inside" : "outside",
    insidetextanchor: "middle",
    textangle: 0,
    cliponaxis: false,
    outsidetextfont: { color: theme.text, size: FONT },
    insidetextfont: { color: theme.surface, size: FONT },
  };
}

// from the surface to the ink; with negatives from the error colour through the surface at zero
function heatmapLook(trace, ink, theme) {
  const flat = [...trace.z].flatMap((row) => [...row]);
  const low = trace.zmin ?? Math.min(...flat);
  const high = trace.zmax ?? Math.max(...flat);
  if (low >= 0) return { colorscale: [[0, theme.surface], [1, ink]], showscale: false };
  const most = Math.max(-low, high);
  const colorscale = [[0, theme.ink.error], [0.5, theme.surface], [1, ink]];
  return { colorscale, zmin: -most, zmax: most, showscale: false };
}

// ---- layout

export function plotlyLayout(layout, theme, { data = [], width = 720 } = {}) {
  const lying = data.some((trace) => trace.type === "bar" && trace.orientation === "h");
  const bare = data.some((trace) => trace.type === "heatmap");
  const height = layout.height ?? 320;
  const legendRows = countLegendRows(layout, data, width - 80);
  const legendHeight = legendRows && LEGEND_FIRST + LEGEND_ROW * (legendRows - 1);
  const plotHeight = height - 10 - legendHeight - (titleText(layout.xaxis) ? 48 : 24); // as in builder/figure/svg.py
  const margin = { l: 12, r: Math.max(12, barTextOverhang(layout, data)), t: 10, b: 12, pad: 0 };
  const site = {
    font: { family: theme.font ?? "inherit", size: FONT, color: theme.textMuted },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    height,
    margin,
    autosize: true,
    hovermode: "closest",
    dragmode: false,
    bargap: 0.2,
    showlegend: legendRows > 0,
    legend: { orientation: "h", traceorder: "normal", x: 0, xanchor: "left", y: 1, yanchor: "bottom", font: { color: theme.text, size: FONT },
              bgcolor: "rgba(0,0,0,0)", itemclick: false, itemdoubleclick: false },
    hoverlabel: { bgcolor: theme.surface, bordercolor: theme.rule, font: { family: theme.font ?? "inherit", color: theme.text, size: FONT } },
    xaxis: axis("x", { carriesValues: lying && !bare, standsOn: !lying && !bare }, theme, layout.xaxis, data, width - 80, 0.75 * height),
    yaxis: axis("y", { carriesValues: !lying && !bare, standsOn: lying && !bare }, theme, layout.yaxis, data, plotHeight, 0.4 * width),
    shapes: (layout.shapes ?? []).map((shape) => themedShape(shape, theme)),
    annotations: (layout.annotations ?? []).map((note) => ({ font: { color: theme.ink[note.ink] ?? theme.text, size: FONT },
      arrowcolor: theme.ink[note.ink] ?? theme.text, arrowwidth: 1, arrowhead: 2, bgcolor: faded(theme.surface, 0.8), ...without(note, "ink"),
      x: atTheEnd(note, "x", layout, data), y: atTheEnd(note, "y", layout, data) })),
  };
  const { shapes, annotations, ...rest } = layout; // those two are in `site` already
  const both = merged(site, rest);
  for (const axis of ["xaxis", "yaxis"]) if (!titleText(both[axis])) both[axis] = without(both[axis], "title");
  return both; // Plotly keeps room even for an empty title
}

// carriesValues: it has the grid and the zero line; standsOn: it is the line that the marks stand on
function axis(letter, { carriesValues, standsOn }, theme, spec = {}, data, length, limit) {
  const values = data.flatMap((trace) => [...(trace[letter] ?? [])]);
  const type = spec.type ?? (values.some((v) => typeof v === "string") ? "category" : "linear");
  const largest = values.reduce((most, v) => (typeof v === "number" ? Math.max(most, Math.abs(v)) : most), 0);
  return {
    type,
    automargin: true,
    fixedrange: true,
    ticks: "",
    ticklabelstandoff: letter === "x" ? 3 : 4,
    autotickangles: [0, -40, -90],
    tickfont: { color: theme.textMuted, size: FONT },
    title: { font: { color: theme.text, size: 13 }, standoff: 8 },
    exponentformat: largest > 0 && largest < 1e-3 ? "power" : "B",
    separatethousands: true,
    showgrid: carriesValues,
    gridcolor: theme.rule,
    gridwidth: 1,
    showline: standsOn,
    linecolor: faded(theme.textMuted, 0.6),
    zeroline: carriesValues && type === "linear",
    zerolinecolor: faded(theme.textMuted, 0.6),
    zerolinewidth: 1,
    ...(type === "log" && !spec.tickvals ? explicitLogTicks(letter, spec, values, length) : {}),
    ...(type === "category" && !spec.tickvals ? shortCategories(values, limit) : {}),
  };
}

function explicitLogTicks(letter, spec, values, length) {
  const logs = values.filter((v) => v > 0).map(Math.log10);
  const [low, high] = spec.range ?? [Math.min(...logs), Math.max(...logs)];
  const lo = Math.min(low, high), hi = Math.max(low, high);
  if (!Number.isFinite(lo) || !Number.isFinite(hi)) return {};
  const spare = spec.range ? 0 : 0.06 * (hi - lo); // Plotly pads the data: what lies outside is not shown
  const ticks = logTicks(lo - spare, hi + spare || lo + 1, length, letter, spec.dtick ?? null);
  return { tickmode: "array", tickvals: ticks.map(([value]) => value), ticktext: ticks.map(([, text]) => text) };
}

// Plotly drops a text whose place lies beyond the last point, be it by the rounding of Python's log10 against its own.
function atTheEnd(note, letter, layout, data) {
  const place = note[letter];
  if (typeof place !== "number" || (note[`${letter}ref`] ?? letter) !== letter) return place;
  const values = data.flatMap((trace) => [...(trace[letter] ?? [])]).filter((v) => typeof v === "number");
  const [low, high] = [Math.min(...values), Math.max(...values)].map(layout[`${letter}axis`]?.type === "log" ? Math.log10 : Number);
  const hair = 1e-9 * (high - low);
  if (Math.abs(place - high) <= hair) return high - hair;
  return Math.abs(place - low) <= hair ? low + hair : place;
}

const titleText = (spec) => spec?.title?.text ?? (typeof spec?.title === "string" ? spec.title : "");

// names that would take more room than the marks end in …
function shortCategories(values, limit) {
  const names = [...new Set(values.filter((v) => v !== null))];
  const texts = names.map((name) => shortened(String(name), limit));
  return texts.every((text, i) => text === String(names[i])) ? {} : { tickmode: "array", tickvals: names, ticktext: texts };
}

function themedShape(shape, theme) {
  const color = theme.ink[shape.ink] ?? theme.textMuted;
  const rect = (shape.type ?? "rect") === "rect";
  const look = rect ? { fillcolor: color, opacity: 0.12, line: { color, width: 0 } } : { line: { color, width: 2 } };
  return merged(look, without(shape, "ink"));
}

function named(layout, data) {
  const traces = data.filter((trace) => trace.name && trace.type !== "heatmap" && trace.showlegend !== false);
  return (layout.showlegend ?? traces.length > 1) ? traces : [];
}

function countLegendRows(layout, data, room) {
  let rows = 0, x = Infinity;
  for (const trace of named(layout, data)) {
    const wide = 40 + textWidth(trace.name);
    if (x + wide > room) [rows, x] = [rows + 1, 0];
    x += wide + 10;
  }
  return rows;
}

// texts beyond the tips of lying bars need room that Plotly does not make
function barTextOverhang(layout, data) {
  if ((layout.barmode ?? "group") !== "group") return 0;
  const lying = data.filter((trace) => trace.type === "bar" && trace.orientation === "h" && trace.text !== undefined);
  const texts = lying.flatMap((trace) => (Array.isArray(trace.text) ? trace.text : [trace.text]));
  return texts.reduce((most, text) => Math.max(most, textWidth(String(text)) + 2), 0);
}

// pixels of a text, as text_width in builder/figure/axes.py
function textWidth(text) {
  const em = (c) => (NARROW.includes(c) ? 0.36 : WIDE.includes(c) ? 0.95 : c !== c.toLowerCase() ? 0.7 : 0.61);
  return FONT * [...text].reduce((sum, c) => sum + em(c), 0);
}

function shortened(text, limit) {
  while (textWidth(text) > limit && text.length > 2) text = text.slice(0, -2) + "…";
  return text;
}

// ---- ticks of logarithmic axes

const trimmed = (value, digits) =>
  value.toLocaleString("en-US", { maximumFractionDigits: digits }).replace("-", "−");

const superscript = (number) => String(number).replace(/[-\d]/g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"["0123456789-".indexOf(c)]);

export function tickText(value) {
  const size = Math.abs(value);
  if (size && !(size >= 0.9999e-3 && size < 0.9999e15)) {
    const [mantissa, exponent] = value.toExponential(2).split("e");
    const power = "10" + superscript(Number(exponent));
    const digits = mantissa.replace(/\.?0+$/, "").replace("-", "−");
    return digits === "1" ? power : `${digits}×${power}`;
  }
  for (const [scale, unit] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
    if (size >= scale * 0.9999) return trimmed(value / scale, 2) + unit;
  }
  return trimmed(value, 5);
}

const powerOfTwoText = (e) => (e >= -4 && e <= 20 ? trimmed(2 ** e, 4) : "2" + superscript(e));

const range = (first, last) => Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);

function everyNth(first, last, room, stride) {
  while (Math.floor((last - first) / stride) + 1 > room) stride += 1;
  return range(first, last).filter((e) => e % stride === 0);
}

function niceStep(rough) {
  const exponent = Math.floor(Math.log10(rough));
  const mantissa = [2, 5].find((m) => rough < m * 10 ** exponent * (1 - 1e-9)) ?? 10;
  return Number(`${mantissa}e${exponent}`);
}

// [value, label] from 10**lo to 10**hi on `length` px: see log_ticks in builder/figure/axes.py
export function logTicks(lo, hi, length, letter, dtick = null) {
  const room = Math.max(2, Math.floor(length / (letter === "y" ? 28 : 56)));
  if (dtick !== null && Math.abs(dtick - BASE_2) < 1e-3) {
    const powers = everyNth(Math.ceil(lo / BASE_2 - 1e-6), Math.floor(hi / BASE_2 + 1e-6), room, 1);
    return powers.map((e) => [2 ** e, powerOfTwoText(e)]);
  }
  let values;
  if (dtick !== null || hi - lo >= 3 || (length / (hi - lo)) * 0.301 < (letter === "y" ? 24 : 40)) {
    const powers = everyNth(Math.ceil(lo - 1e-6), Math.floor(hi + 1e-6), room, Math.max(1, Math.ceil(dtick || 1)));
    values = powers.map((e) => Number(`1e${e}`));
  } else {
    values = range(Math.floor(lo), Math.floor(hi)).flatMap((e) => [1, 2, 5].map((m) => Number(`${m}e${e}`)));
    values = values.filter((v) => lo - 1e-6 <= Math.log10(v) && Math.log10(v) <= hi + 1e-6);
  }
  if (values.length < 3 && hi - lo < 1) {
    const step = niceStep((10 ** hi - 10 ** lo) / Math.min(6, room));
    values = range(Math.ceil(10 ** lo / step - 1e-6), Math.floor(10 ** hi / step + 1e-6)).map((i) => i * step);
  }
  return values.map((value) => [value, tickText(value)]);
}

// ---- full screen

const LENGTHS = new Set(["size", "height", "standoff", "ticklabelstandoff", "xshift", "yshift", "ax", "ay", "l", "r", "t", "b"]);

/** Traces or a layout with all lengths in pixels k times as large; a bar's own width is none. */
export function enlarged(thing, k, within) {
  if (Array.isArray(thing)) return thing.map((one) => enlarged(one, k));
  if (!isPlain(thing)) return thing;
  const length = (key, value) => typeof value === "number" && (LENGTHS.has(key) || (key === "width" && within === "line"));
  const grown = ([key, value]) => [key, length(key, value) ? k * value : enlarged(value, k, key)];
  return Object.fromEntries(Object.entries(thing).map(grown));
}

// ---- small helpers

const isPlain = (thing) => thing !== null && typeof thing === "object" && Object.getPrototypeOf(thing) === Object.prototype;

// the second over the first, objects inside each other; neither is changed
function merged(base, extra) {
  const both = { ...base };
  for (const [key, value] of Object.entries(extra)) {
    both[key] = isPlain(value) && isPlain(base[key]) ? merged(base[key], value) : value;
  }
  return both;
}

function without(thing, key) {
  const { [key]: _dropped, ...rest } = thing;
  return rest;
}

const rows = (z) => Array.from(z, (row) => Array.from(row));

// "#rrggbb", "#rgb" or "rgb(…)" with an opacity
function faded(colour, opacity) {
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(colour)?.[1];
  if (!hex) return colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${opacity})`);
  const full = hex.length === 3 ? [...hex].map((c) => c + c).join("") : hex;
  return `rgba(${[0, 2, 4].map((i) => parseInt(full.slice(i, i + 2), 16)).join(",")},${opacity})`;
}
