// The state of a page's demos as the fragment of its address, and back. Pure: knows neither demos nor the page, and
// trusts nothing that it reads; whether a demo, a control or a value exists is for others to ask.
//
//   #memory_calculator:T=8192&name=Llama-2-7B;race:seed=3     demos by ";", controls by "&", only what was changed
//
// In JavaScript: a Map from demo to a Map from control to text.

const LONGEST = 4000; // characters: nobody types more, and a longer one is no link of ours

/** Plain anchors, broken escapes and over-long fragments give no state. */
export function parseLink(fragment) {
  const parts = fragment.length > LONGEST ? [] : fragment.replace(/^#/, "").split(";");
  return new Map(parts.map(parseDemo).filter(Boolean));
}

function parseDemo(part) {
  const [, demo, pairs] = part.match(/^(\w+):(.*)$/) ?? [];
  try {
    return demo && [demo, new Map(pairs.split("&").filter(Boolean).map(parsePair))];
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
  return Array.from(states, ([demo, values]) => `${demo}:${Array.from(values, formatPair).join("&")}`).join(";");
}

const formatPair = ([name, value]) => `${name}=${encodeURIComponent(value.replace(/\p{Surrogate}/gu, "�"))}`;
