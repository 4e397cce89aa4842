// Offers the house model's words for the one that is being typed, in a native list. Knows no demo.
/* global WORDS */ // defined by builder/bundle/assets.py from topics/kit/model/language.py, as one text

const MOST = 8;

export function suggest(input) {
  const list = document.createElement("datalist");
  list.id = `${input.id}-words`;
  input.after(list);
  input.setAttribute("list", list.id);
  const offer = () => list.replaceChildren(...completions(input.value).map((text) => new Option(text.match(/\S*$/)[0], text)));
  input.addEventListener("input", offer);
  offer();
}

/** The text with its last word completed, in each of the ways that the vocabulary knows. */
export function completions(text) {
  const start = text.search(/\S*$/);
  const begun = text.slice(start).toLowerCase();
  if (!begun) return [];
  const words = WORDS.split(" ").filter((word) => word.toLowerCase().startsWith(begun) && word !== text.slice(start));
  return words.slice(0, MOST).map((word) => text.slice(0, start) + word);
}
