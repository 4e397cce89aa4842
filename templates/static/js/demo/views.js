// Turns views (topics/kit/page/views.py) into HTML. Pure: no DOM, so that the build runs it in Node (builder/render.mjs)
// and the browser sets innerHTML with the same functions. Knows neither Plotly nor Python.
//
//   viewsHtml(views)  viewHtml(view)     each view is one element with class "view view-KIND" and data-view="KIND"
//   figureTables(figure)                 a figure's numbers, all of them: [{name, head, rows}]
//   figureTableHtml(figure)              the same as tables, in one <div>; long ones are sampled
//   formatNumber(x)                      a number as people read it
//
// All text is escaped. The one exception is a figure's `svg` and `svgNarrow`, which come from builder/figure/svg.py.
// Arrays may be plain or typed.

const MOST_ROWS = 25; // of a figure's data table
const MOST_ROOMY = 8; // columns of a matrix whose cells stand well apart
const MOST_NUMBERS = 12; // columns of a matrix that prints them
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export const escapeHtml = (text) => String(text ?? "").replace(/[&<>"']/g, (c) => ENTITIES[c]);

export const viewsHtml = (views) => Array.from(views, viewHtml).join("");

export function viewHtml(view) {
  const body = KINDS[view.view];
  if (!body) throw new Error(`view ${JSON.stringify(view.view)} is not one of ${Object.keys(KINDS).join(", ")}`);
  return `<div class="view view-${view.view}" data-view="${view.view}">${body(view)}</div>`;
}

const KINDS = {
  figure: figureBody,
  metrics: metricsBody,
  table: tableBody,
  badge: badgeBody,
  note: noteBody,
  progress: progressBody,
  tokens: tokensBody,
  matrix: matrixBody,
  steps: framesBody,
  listing: listingBody,
};

// ---- numbers

const digits = (x, most) => x.toLocaleString("en-US", { maximumFractionDigits: most });
const superscript = (n) => String(n).replace(/[-\d]/g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"["0123456789-".indexOf(c)]);

// At most four significant digits, but no digit before the point is ever rounded away: 12345.6 is 12,346.
// Whole numbers are exact up to 10¹⁵; the tiny and the huge are written as 2.2×10⁻¹⁶. Texts pass through.
export function formatNumber(x) {
  if (x === null || x === undefined) return "–";
  if (typeof x === "boolean") return x ? "yes" : "no";
  if (typeof x !== "number") return String(x);
  const size = Math.abs(x);
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "not a number" : x > 0 ? "∞" : "−∞";
  if (size === 0) return "0";
  if (size < 1e-3 || size >= 1e15) return scientific(x);
  const most = Number.isInteger(x) ? 0 : Math.max(0, 3 - Math.floor(Math.log10(size)));
  return digits(x, most).replace("-", "−");
}

function scientific(x) {
  const [mantissa, exponent] = x.toExponential(3).split("e");
  const lead = Number(mantissa) === 1 ? "" : `${String(Number(mantissa)).replace("-", "−")}×`;
  return `${lead}10${superscript(Number(exponent))}`;
}

const shown = (value) => escapeHtml(formatNumber(value));
const isNumber = (value) => typeof value === "number";

// ---- small views

function metricsBody({ items }) {
  const rows = items.map(({ label, value, unit, formula }) => {
    const how = formula ? `<details class="metric-formula"><summary>How<span class="visually-hidden">: ${escapeHtml(label)}</span></summary><p>${escapeHtml(formula)}</p></details>` : "";
    const of = unit ? ` <span class="metric-unit">${escapeHtml(unit)}</span>` : "";
    return `<div class="metric"><dt>${escapeHtml(label)}</dt>` +
      `<dd><span class="metric-value">${shown(value)}</span>${of}${how}</dd></div>`;
  });
  return `<dl class="metrics">${rows.join("")}</dl>`;
}

function badgeBody({ label, value, limit }) {
  const holds = value <= limit;
  return `<p class="badge ${holds ? "badge-holds" : "badge-fails"}"><span class="badge-sign" aria-hidden="true">` +
    `${holds ? "✓" : "✗"}</span> <span class="visually-hidden">${holds ? "Holds:" : "Fails:"}</span> ` +
    `${escapeHtml(label)} = ${shown(value)} ${holds ? "≤" : ">"} ${shown(limit)}</p>`;
}

function noteBody({ text, kind = "info", to }) {
  const lead = kind === "warning" ? "<strong>Note:</strong> " : "";
  const link = to ? ` <a href="${escapeHtml(to[0])}.html">${escapeHtml(to[1])}</a>` : "";
  return `<p class="note note-${escapeHtml(kind)}">${lead}${escapeHtml(text)}${link}</p>`;
}

// One line is lit, for eyes and for ears.
function listingBody({ code, at, title }) {
  const lines = Array.from(code, (line, i) => `<span${i === at ? ' class="lit" aria-current="true"' : ""}>${escapeHtml(line) || " "}\n</span>`);
  return scrolling(title, `<pre class="listing"><code>${lines.join("")}</code></pre>`) + `<p class="view-caption">${escapeHtml(title)}</p>`;
}

function progressBody({ done, total, label = "" }) {
  return `<label class="progress">${escapeHtml(label)} <progress value="${Number(done)}" max="${Number(total)}"></progress> ` +
    `<span>${shown(done)} / ${shown(total)}</span></label>`;
}

function tokensBody({ tokens, values, ink, caption, at }) {
  const spans = Array.from(tokens, (token, i) => {
    const text = escapeHtml(token).replace(/\n/g, "↵");
    const here = i === at ? ' aria-current="true"' : "";
    if (!values) return `<li class="token"${here}>${text}</li>`;
    const value = shown(Number(values[i].toFixed(3)));
    return `<li class="token"${here} style="--shade:${shade(values[i])}"><span title="${value}">${text}</span>` +
      `<span class="visually-hidden"> (${value})</span></li>`;
  });
  return captioned(`<ul class="tokens" role="list"${caption ? ` aria-label="${escapeHtml(caption)}"` : ""} style="--ink:var(--ink-${inkName(ink)})">${spans.join("")}</ul>`, caption);
}

const captioned = (html, caption) => html + (caption ? `<p class="view-caption">${escapeHtml(caption)}</p>` : "");
const shade = (x) => Number(Math.min(1, Math.abs(x) || 0).toFixed(2));
const inkName = (ink) => String(ink ?? "reference").replace(/[^a-z-]/g, "");

// ---- tables

// A table scrolls inside itself on a narrow screen, also by keyboard.
const scrolling = (label, table) => `<div class="scroll" tabindex="0" role="group" aria-label="${escapeHtml(label)}">${table}</div>`;

function table({ caption = "", head, rows, firstIsHeader = false }) {
  const th = head.map((text) => (text ? `<th scope="col">${escapeHtml(text)}</th>` : "<td></td>")).join("");
  const cell = (value, j) => {
    const kind = isNumber(value) ? ' class="number"' : "";
    return j === 0 && firstIsHeader ? `<th scope="row"${kind}>${shown(value)}</th>` : `<td${kind}>${shown(value)}</td>`;
  };
  const body = rows.map((row) => `<tr>${Array.from(row, cell).join("")}</tr>`).join("");
  const title = caption ? `<caption>${escapeHtml(caption)}</caption>` : "";
  return scrolling(caption || head.filter(Boolean).join(", "), `<table>${title}<thead><tr>${th}</tr></thead><tbody>${body}</tbody></table>`);
}

function tableBody({ caption, columns, rows }) {
  return table({ caption, head: columns, rows, firstIsHeader: true });
}

// Cells that have a `why` tell it in the lines below: matrix.js.
function matrixBody({ values, rows, columns, title, ink, why, blank, at }) {
  const most = Math.max(...Array.from(values, (row) => Math.max(...Array.from(row, Math.abs)))) || 1;
  const scores = why?.q && why; // or a text for each cell
  let stop = at ? -1 : 0; // the first such cell is the matrix' one tab stop, or the one that tells already
  const cell = (value, i, j) => {
    if (value === null) return `<td><span class="visually-hidden">${escapeHtml(blank)}</span></td>`;
    const here = i === at?.[0] && j === at[1];
    const kinds = [value < 0 && "negative", here && "at told"].filter(Boolean).join(" ");
    const reason = scores ? "" : why?.[i]?.[j];
    const because = (scores || reason ? ` tabindex="${here ? 0 : stop}"` : "") + (reason ? ` data-why="${escapeHtml(reason)}"` : "");
    if (because) stop = -1;
    return `<td${kinds && ` class="${kinds}"`} style="--shade:${shade(value / most)}"${because}>${shown(value)}</td>`;
  };
  const dense = columns.length > MOST_NUMBERS;
  const upright = (name) => (dense ? `<span>${escapeHtml(name)}</span>` : escapeHtml(name));
  const head = Array.from(columns, (name) => `<th scope="col">${upright(name)}</th>`).join("");
  const body = Array.from(values, (row, i) =>
    `<tr><th scope="row">${escapeHtml(rows[i])}</th>${Array.from(row, (value, j) => cell(value, i, j)).join("")}</tr>`);
  const caption = title ? `<caption>${escapeHtml(title)}</caption>` : "";
  const tight = !dense && columns.length > MOST_ROOMY;
  const kind = `class="matrix${dense ? " dense" : ""}${tight ? " tight" : ""}"${why ? ' role="grid"' : ""}`;
  const from = scores ? ` data-q="${packed(scores.q)}" data-k="${packed(scores.k)}"` : "";
  const html = `<table ${kind}${from} style="--ink:var(--ink-${inkName(ink)})">${caption}` +
    `<thead><tr><td></td>${head}</tr></thead><tbody>${body.join("")}</tbody></table>`;
  const told = escapeHtml(at ? (why?.[at[0]]?.[at[1]] ?? "") : "");
  const because = `<p class="matrix-why"><output aria-live="off">${told}</output></p>`;
  return why ? `<div class="scroll">${html}</div>${because}` : scrolling(title || "Matrix", html);
}

const packed = (rows) => Array.from(rows, (row) => Array.from(row, (x) => Number(x.toFixed(3))).join()).join(";");

// ---- steps

// Every frame stands there, one under the other; steps.js shows one at a time.
function framesBody({ frames }) {
  const items = Array.from(frames, ({ caption, views }) => `<li><p class="step-caption">${escapeHtml(caption)}</p><div class="step-views">${viewsHtml(views)}</div></li>`);
  return `<ol class="step-frames">${items.join("")}</ol>`;
}

// ---- figures

function figureBody(view) {
  const { svg, svgNarrow, alt } = view;
  const wide = svg ? `<div class="figure-wide">${svg}</div>` : "";
  const narrow = svgNarrow ? `<div class="figure-narrow">${svgNarrow}</div>` : "";
  const still = svg ? `<div aria-hidden="true" class="figure-static${svgNarrow ? " figure-two" : ""}">${wide}${narrow}</div>` : "";
  const data = figureTables(view).length === 0 ? "" :
    `<details class="figure-data"><summary>Data</summary><div class="figure-table">${figureTableHtml(view)}</div></details>`;
  return `${still}<p class="figure-alt">${escapeHtml(alt)}</p>${data}`;
}

// What no pointer can ask is drawn beside the numbers, as a clock's face is: no table has it.
export function figureTables({ data: traces, layout }) {
  const data = traces.filter((trace) => trace.hoverinfo !== "skip");
  const titles = { x: axisTitle(layout, "xaxis") || "x", y: axisTitle(layout, "yaxis") || "y" };
  const curves = data.filter((trace) => trace.type !== "heatmap").map((trace) => curve(trace, titles));
  return [...alike(curves), ...data.filter((trace) => trace.type === "heatmap").map((trace) => cells(trace, titles))];
}

export function figureTableHtml(figure) {
  return `<div class="data-tables">${figureTables(figure).map(sampled).join("")}</div>`;
}

function axisTitle(layout, axis) {
  const title = layout?.[axis]?.title;
  return plain(typeof title === "string" ? title : title?.text);
}

// Plotly's small HTML, without the tags
const plain = (text) => String(text ?? "").replace(/<br\s*\/?>/g, " ").replace(/<\/?(?:b|i|em|strong|sub|sup|span)(?:\s[^>]*)?>/g, "");

// A trace as a column of values over a column of places; lying bars change sides.
function curve(trace, titles) {
  const [place, value] = trace.orientation === "h" ? ["y", "x"] : ["x", "y"];
  const values = Array.from(trace[value] ?? []);
  const places = trace[place] ? Array.from(trace[place]) : values.map((_, i) => i);
  return { places, values, name: plain(trace.name), placeTitle: titles[place], valueTitle: titles[value] };
}

// Curves over the same places share a table.
function alike(curves) {
  const groups = new Map();
  for (const one of curves) {
    const key = JSON.stringify([one.placeTitle, one.places]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return Array.from(groups.values(), (group) => {
    const { places, placeTitle, valueTitle } = group[0];
    const head = [placeTitle, ...group.map(({ name }) => (name ? `${name}: ${valueTitle}` : valueTitle))];
    return { name: "", head, rows: places.map((place, i) => [place, ...group.map(({ values }) => values[i])]) };
  });
}

function cells({ z, x, y, name }, titles) {
  const head = [`${titles.y} \\ ${titles.x}`, ...Array.from(z[0], (_, j) => x?.[j] ?? j)];
  return { name: plain(name), head, rows: Array.from(z, (row, i) => [y?.[i] ?? i, ...row]) };
}

// Of a long table rows, of a wide one columns.
function sampled({ name, head, rows }) {
  const [is, js] = [sample(rows.length), [0, ...sample(head.length - 1).map((j) => j + 1)]];
  const parts = [name, part(is.length, rows.length, "rows"), part(js.length - 1, head.length - 1, "columns")];
  const pick = (row) => js.map((j) => row[j]);
  return table({ caption: parts.filter(Boolean).join(", "), head: pick(head).map(formatNumber), rows: is.map((i) => pick(rows[i])), firstIsHeader: true });
}

const part = (some, all, what) => (some < all ? `${some} of ${formatNumber(all)} ${what}, evenly chosen` : "");

// Indices of at most MOST_ROWS of n, evenly, first and last among them.
function sample(n) {
  if (n <= MOST_ROWS) return Array.from({ length: n }, (_, i) => i);
  return Array.from({ length: MOST_ROWS }, (_, i) => Math.round((i * (n - 1)) / (MOST_ROWS - 1)));
}
