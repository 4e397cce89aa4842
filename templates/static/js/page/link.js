// The state of a page's parts as the fragment of its address, and back. Pure: knows neither the parts nor the page, and
// trusts nothing that it reads; whether a part, a name or a value exists is for others to ask.
//
//   #memory_calculator:T=8192&name=Llama-2-7B;guess.1:choice=2;code.decode_step:text=S0nMTS3…
//
// Parts (demos, guesses, edited code) by ";", values by "&", only what was changed. In JavaScript: a Map from part to
// a Map from name to text.

const LONGEST = 30_000; // characters: a page of code is 2,000, and a longer one is no link of ours

/** Plain anchors, broken escapes and over-long fragments give no state. */
export function parseLink(fragment) {
  const parts = fragment.length > LONGEST ? [] : fragment.replace(/^#/, "").split(";");
  return new Map(parts.map(parsePart).filter(Boolean));
}

function parsePart(part) {
  const [, name, pairs] = part.match(/^([\w.]+):(.*)$/) ?? [];
  try {
    return name && [name, new Map(pairs.split("&").filter(Boolean).map(parsePair))];
  } catch {
    return null; // a broken escape such as %E0%A
  }
}

function parsePair(pair) {
  const [name, ...value] = pair.split("=");
  return [name, decodeURIComponent(value.join("="))];
}

/** Without its "#"; the empty text when there is no state. */
export function formatLink(states) {
  return Array.from(states, ([part, values]) => `${part}:${Array.from(values, formatPair).join("&")}`).join(";");
}

const formatPair = ([name, value]) => `${name}=${encodeURIComponent(value.replace(/\p{Surrogate}/gu, "�"))}`;
