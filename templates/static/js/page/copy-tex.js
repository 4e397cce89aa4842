// Copied formulas are TeX, once: they stand there twice, drawn and as MathML, and would come torn. One that is selected
// in part is copied whole. Knows the page only by data-tex, which the build writes (builder/render.mjs).

const FORMULA = "[data-tex]";

function copy(event) {
  const selection = getSelection();
  if (event.defaultPrevented || !selection.rangeCount || selection.isCollapsed) return;
  const range = whole(selection.getRangeAt(0));
  const formulas = [...document.querySelectorAll(FORMULA)].filter((formula) => range.intersectsNode(formula));
  if (!formulas.length) return;
  event.preventDefault();
  event.clipboardData.setData("text/html", marked(range));
  event.clipboardData.setData("text/plain", shown(selection, range, formulas));
}

function whole(range) {
  const wide = range.cloneRange();
  const [first, last] = [range.startContainer, range.endContainer].map((node) => (node.closest ? node : node.parentElement).closest(FORMULA));
  if (first) wide.setStartBefore(first);
  if (last) wide.setEndAfter(last);
  return wide;
}

function marked(range) {
  const copied = document.createElement("template"); // inert: a copied demo is no demo
  copied.content.append(range.cloneContents());
  for (const formula of copied.content.querySelectorAll(FORMULA)) formula.replaceWith(formula.dataset.tex);
  return copied.innerHTML;
}

// Only what is laid out has the line breaks that a reader sees: the TeX takes the formulas' places for a moment.
function shown(selection, range, formulas) {
  const drawn = formulas.map((formula) => [...formula.childNodes]);
  for (const formula of formulas) formula.replaceChildren(formula.dataset.tex);
  selection.removeAllRanges();
  selection.addRange(range);
  const text = selection.toString();
  formulas.forEach((formula, i) => formula.replaceChildren(...drawn[i]));
  return text;
}

document.addEventListener("copy", copy);
