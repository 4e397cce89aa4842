// Matrices that explain their arithmetic: the cell under the pointer or in focus tells its own in the line below.
// One tab stop a matrix, arrow keys, Home and End between its cells, Escape dismisses. Knows only views.js' HTML.
// Loaded when a reader first comes to such a cell: enliven.js.

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const CELL = "td[tabindex]";

let lines = 0; // ids for aria-describedby

/** Once for each container, whatever matrices come and go in it. The reader may be at a cell already. */
export function wireMatrices(container) {
  if (container.closest("[data-matrices]")) return; // a step's views lie in a container that is wired
  container.dataset.matrices = "";
  const [focused, hovered] = ["focus", "hover"].map((how) => container.querySelector(`${CELL}:${how}`));
  if (focused) enter(focused);
  if (hovered) explain(hovered);
  const on = (type, handle) => container.addEventListener(type, (event) => handle(event.target.closest(CELL), event));
  on("pointerover", (cell) => (cell ? explain(cell) : rest(container)));
  container.addEventListener("pointerleave", () => rest(container));
  on("focusin", (cell) => cell && enter(cell));
  on("focusout", (cell) => cell && say(cell, ""));
  on("keydown", (cell, event) => cell && press(cell, event));
}

/** Run an update that replaces matrices; the cell in focus is the same one after it. */
export async function keepingCell(container, update) {
  const cells = () => [...container.querySelectorAll(".matrix td")];
  const at = cells().indexOf(document.activeElement);
  await update();
  if (at >= 0 && document.activeElement === document.body) cells()[at]?.focus();
}

const lineOf = (cell) => cell.closest(".view-matrix").querySelector(".matrix-why");

function say(cell, text) {
  lineOf(cell).querySelector("output").textContent = text;
  cell.closest("table").querySelector(".told")?.classList.remove("told");
}

function explain(cell) {
  say(cell, cell.dataset.why || weightOf(cell));
  cell.classList.add("told");
}

// An attention weight from its row's queries and keys.
function weightOf(cell) {
  const { q, k } = cell.closest("table").dataset;
  const row = cell.parentElement;
  const keys = k.split(";").map((text) => text.split(",").map(Number));
  const query = q.split(";")[row.sectionRowIndex].split(",").map(Number);
  const dot = (key) => key.reduce((sum, x, i) => sum + x * query[i], 0);
  const score = (key) => dot(key) / Math.sqrt(query.length);
  const key = keys[cell.cellIndex - 1];
  const shared = keys.filter((_, j) => row.cells[j + 1].matches(CELL)).map((each) => Math.exp(score(each)));
  const sum = shared.reduce((a, b) => a + b, 0);
  const [e, all, weight] = [Math.exp(score(key)), sum, Math.exp(score(key)) / sum].map((x) => Number(x.toPrecision(3)));
  const terms = query.map((x, i) => `${x.toFixed(2)}·${key[i].toFixed(2)}`).join(" + ");
  const asks = row.cells[0].textContent.replace("▸ ", "");
  const answers = cell.closest("table").tHead.rows[0].cells[cell.cellIndex].textContent;
  const s = score(key).toFixed(2);
  return `“${asks}” to “${answers}”: weight ${weight} = e^${s} / row sum = ${e} / ${all}; score ${s} = (${terms}) / √${query.length}`.replaceAll("-", "−");
}

// The pointer has left the cells: the one in focus speaks again, or the one that spoke from the start.
function rest(container) {
  const focused = document.activeElement;
  for (const told of container.querySelectorAll(".told")) if (told !== focused) say(told, "");
  for (const first of container.querySelectorAll("td.at")) explain(first);
  if (focused.matches(CELL) && container.contains(focused)) explain(focused);
}

function enter(cell) {
  for (const other of cell.closest("table").querySelectorAll(CELL)) other.tabIndex = other === cell ? 0 : -1;
  const line = lineOf(cell).querySelector("output");
  line.id ||= `why-${++lines}`;
  cell.setAttribute("aria-describedby", line.id);
  explain(cell);
}

function press(cell, event) {
  if (event.key === "Escape") return say(cell, "");
  if (event.key === "Home" || event.key === "End") {
    event.preventDefault();
    const there = (event.ctrlKey ? cell.closest("table") : cell.parentElement).querySelectorAll(CELL);
    return there[event.key === "Home" ? 0 : there.length - 1].focus();
  }
  const [down, right] = MOVES[event.key] ?? [];
  if (down === undefined) return;
  event.preventDefault();
  next(cell, down, right)?.focus();
}

// The next cell that has something to say.
function next(cell, down, right) {
  const { rows } = cell.closest("table");
  for (let i = cell.parentElement.rowIndex, j = cell.cellIndex; ; ) {
    const there = rows[(i += down)]?.cells[(j += right)];
    if (!there || there.matches(CELL)) return there;
  }
}
