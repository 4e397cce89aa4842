// The state of a page's parts as the fragment of its address, and back. Pure: knows neither the parts nor the page, and
// trusts nothing that it reads; whether a part, a name or a value exists is for others to ask.
//
//   #memory_calculator:T=8192&name=Llama-2-7B;guess.1:choice=2;code.decode_step:text=S0nMTS3…
//
// Parts (demos, guesses, edited code) by ";", values by "&", only what was changed. In JavaScript: a Map from part to
// a Map from name to text.
//
// A link is passed on by programs that encode it once more, or take the bracket or the full stop behind it for its end.
// So a value's own separators and percent signs are escaped twice, and all that could be punctuation once: what comes
// back encoded is decoded until its separators are there, and signs that no link of ours ends in are cut off.

export const LONGEST = 30_000; // characters: a page of code is 2,000, and a longer one is no link of ours
const ENCODINGS = 3; // by as many programs on the way

const STATE = /(^|;)[\w.]+:/;
const BEHIND = /(?:(?![%&:_-])[\p{P}<>`~\s])+$/u; // a bracket, a full stop, a quotation mark

/** Plain anchors, broken escapes and over-long fragments give no state. */
export function parseLink(fragment) {
  if (fragment.length > LONGEST) return new Map();
  const parts = decoded(fragment.replace(BEHIND, "")).split(";");
  return new Map(parts.map(parsePart).filter(Boolean));
}

function decoded(fragment, times = ENCODINGS) {
  const text = fragment.replace(/^#/, "");
  if (STATE.test(text) || !times) return text;
  try {
    return decoded(decodeURIComponent(text), times - 1);
  } catch {
    return text;
  }
}

/** Whether it was to be a state: then what can't be read of it is worth a word. How many parts it names, too. */
export const partsMeant = (fragment) => (STATE.test(decoded(fragment)) ? decoded(fragment).split(";").filter(Boolean).length : 0);

function parsePart(part) {
  const [, name, pairs] = part.match(/^([\w.]+):(.*)$/s) ?? [];
  try {
    return name && [name, new Map(pairs.split("&").filter(Boolean).map(parsePair))];
  } catch {
    return null; // a broken escape such as %E0%A, which a link that was cut short may end in
  }
}

function parsePair(pair) {
  const [name, ...value] = pair.split("=");
  return [name, decodeURIComponent(value.join("=")).replace(/%(2[356]|3[ABD])/g, decodeURIComponent)];
}

/** Without its "#"; the empty text when there is no state. */
export function formatLink(states) {
  return Array.from(states, ([part, values]) => `${part}:${Array.from(values, formatPair).join("&")}`).join(";");
}

const formatPair = ([name, value]) => `${name}=${escaped(value.replace(/\p{Surrogate}/gu, "�"))}`;

const escaped = (text) => encodeURIComponent(text.replace(/[%#&:;=]/g, encodeURIComponent)).replace(/[!'()*~]|[^a-z0-9]$/gi, hex);
const hex = (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
