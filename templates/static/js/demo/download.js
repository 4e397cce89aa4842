// Saves a demo's data as CSV and its figures as SVG or PNG. Imports nothing; tables() is pure and tested in Node.

export function saveTables(name, head, views, figureTables) {
  save(`${name}.csv`, URL.createObjectURL(new Blob(["\ufeff", tables(head, views, figureTables)], { type: "text/csv" })));
}

/** Comment lines, then every figure, table, matrix and readout as a block of its own; numbers are exact. */
export function tables(head, views, figureTables) {
  const comments = head.map((line) => `# ${oneLine(line)}`).join("\r\n");
  const blocks = views.flatMap((view) => blocksOf(view, figureTables)).map(({ name, head, rows }) => {
    const lines = [head, ...rows].map((row) => Array.from(row, cell).join(","));
    return [`# ${oneLine(name)}`, ...lines].join("\r\n");
  });
  return [comments, ...blocks, ""].join("\r\n\r\n");
}

const oneLine = (text) => String(text).replace(/\s+/g, " ").trim();

function cell(value) {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

const BLOCKS = {
  figure: (view, figureTables) => figureTables(view).map((table) => ({ ...table, name: [table.name, view.alt].filter(Boolean).join(": ") })),
  table: ({ caption, columns, rows }) => [{ name: caption || "Table", head: columns, rows }],
  matrix: ({ title, rows, columns, values }) => [{ name: title || "Matrix", head: ["", ...columns], rows: Array.from(values, (row, i) => [rows[i], ...row]) }],
  metrics: ({ items }) => [{ name: "Readouts", head: ["name", "value", "unit", "formula"], rows: items.map((item) => [item.label, item.value, item.unit, item.formula]) }],
  badge: ({ label, value, limit }) => [{ name: "Check", head: ["name", "value", "limit"], rows: [[label, value, limit]] }],
  tokens: ({ tokens, values, caption }) => [{ name: caption || "Tokens", head: ["token", "value"], rows: Array.from(tokens, (token, i) => [token, values?.[i]]) }],
  steps: ({ frames }, figureTables) =>
    frames.flatMap(({ caption, views }) => views.flatMap((view) => blocksOf(view, figureTables)).map((block) => ({ ...block, name: `${caption} ${block.name}` }))),
};

const blocksOf = (view, figureTables) => BLOCKS[view.view]?.(view, figureTables) ?? [];

/** Each figure as a file: Plotly's picture where it draws, the build's own drawing else. */
export async function saveImages(name, figures, format, figureImage) {
  for (const [i, figure] of figures.entries()) {
    const plot = figure.querySelector(".js-plotly-plot");
    const url = plot ? await figureImage(plot, format) : await stillImage(figure, format);
    save(`${name}${figures.length > 1 ? `-${i + 1}` : ""}.${format}`, url);
  }
}

function save(file, url) {
  const link = Object.assign(document.createElement("a"), { href: url, download: file });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// The static drawing takes its colours from the page's custom properties: outside the page they must be spelled out,
// and an element that wears a colour tells what it is.
async function stillImage(figure, format) {
  const svg = [...figure.querySelectorAll("svg.figure-svg")].find((drawing) => drawing.checkVisibility());
  const style = getComputedStyle(svg);
  const { width, height } = svg.viewBox.baseVal;
  const copy = svg.cloneNode(true);
  for (const [key, value] of Object.entries({ xmlns: "http://www.w3.org/2000/svg", width, height, "font-family": style.fontFamily })) copy.setAttribute(key, value);
  copy.insertAdjacentHTML("afterbegin", `<rect width="100%" height="100%" style="fill:var(--surface)"/>`);
  const text = new XMLSerializer().serializeToString(copy).replace(/var\(--[\w-]+\)/g, (colour) => {
    svg.style.color = colour;
    return style.color;
  });
  svg.style.color = "";
  const url = `data:image/svg+xml,${encodeURIComponent(text)}`;
  return format === "svg" ? url : rasterise(url, width, height);
}

async function rasterise(url, width, height) {
  const image = Object.assign(new Image(), { src: url });
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 2 * width, height: 2 * height });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL();
}
