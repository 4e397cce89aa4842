// Matrices that explain their arithmetic: the cell under the pointer or in focus tells its own in the line below.
// One tab stop a matrix, arrow keys between its cells, Escape dismisses. Knows only views.js' HTML.

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const CELL = "td[data-why]";

let lines = 0; // ids for aria-describedby

/** Once for each container, whatever matrices come and go in it. */
export function wireMatrices(container) {
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
  say(cell, cell.dataset.why);
  cell.classList.add("told");
}

// The pointer has left the cells: the one in focus speaks again.
function rest(container) {
  const focused = document.activeElement;
  for (const told of container.querySelectorAll(".told")) if (told !== focused) say(told, "");
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
