// What is the reader's, kept on this device: localStorage, a key for each kind. Knows neither pages nor elements.
//
//   read, passed, known   names: kv_cache; kv_cache.count_bytes; kv_cache#question-9b1c0e77, which the reader can answer
//   passes                {exercise: {day, of}}: when it was passed, and which version of it
//   code                  {"kv_cache#code.decode_step": {text, day, of}}: edits of listings and answers to exercises
//   guesses               {"kv_cache#guess-3fa29c01": {ask, guess, right, day}}
//   earlier               [{name, text, day, why}]: texts that had to give way to others. Nothing goes without a word.
//
// `of` names the version of the page's code that a reader began from (builder/page/asked.py). The first lists are as old
// as the site: what read them then can read them now. Each change begins from what is stored, for other tabs write, too.

const PREFIX = "llm-internals:"; // the origin may be shared with other projects

export const KINDS = { read: [], passed: [], known: [], passes: {}, code: {}, guesses: {}, earlier: [] };

const unsaved = new Map(); // where nothing can be stored, this tab still remembers

const isTable = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isRow = (row) => isTable(row) && typeof row.text === "string";

/** The shape that a kind has, of whatever lay there; undefined where that has another. */
function shaped(kind, value) {
  if (isTable(KINDS[kind])) return isTable(value) ? Object.fromEntries(Object.entries(value).filter(([, entry]) => isTable(entry))) : undefined;
  if (!Array.isArray(value)) return undefined;
  return value.filter((each) => (kind === "earlier" ? isRow(each) : typeof each === "string"));
}

function stored(kind) {
  let text = null;
  try {
    text = localStorage.getItem(PREFIX + kind);
    return { text, value: text === null ? undefined : shaped(kind, JSON.parse(text)) };
  } catch {
    return { text }; // refused, or not ours
  }
}

/** What is kept of a kind; empty where nothing is. */
export const kept = (kind) => unsaved.get(kind) ?? stored(kind).value ?? structuredClone(KINDS[kind]);

/** Change what is kept of a kind; returns whether it could be stored. What lay there and can't be read is set aside. */
export function keep(kind, change) {
  const { text, value } = stored(kind);
  const damaged = text !== null && value === undefined && !unsaved.has(kind) ? [{ name: kind, text, day: today(), why: "damaged" }] : [];
  const next = change(kept(kind));
  if (damaged.length && kind !== "earlier") keep("earlier", (rows) => [...rows, ...damaged]);
  try {
    localStorage.setItem(PREFIX + kind, JSON.stringify(kind === "earlier" ? [...damaged, ...next] : next));
    unsaved.delete(kind);
    return true;
  } catch {
    unsaved.set(kind, next); // a private window, or no room
    return false;
  }
}

/** Keep a text that gives way to another; the same text of the same name once. */
export const setAside = (name, { text, day = "" }, why) =>
  keep("earlier", (rows) => (rows.some((row) => row.name === name && row.text === text) ? rows : [...rows, { name, text, day, why }]));

/** Everything of this site goes from this device, the theme, too. */
export function forgetAll() {
  unsaved.clear();
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) localStorage.removeItem(key);
  } catch {
    // refused: then nothing is there
  }
}

/** The day here, as 2026-12-01, and how it is said. */
export const today = () => new Date().toLocaleDateString("sv");
export const inWords = (day) => {
  const date = new Date(`${day}T12:00`);
  return Number.isNaN(+date) ? "an unknown day" : date.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
};

/** The name of this page in what is kept. */
export const pageName = () => location.pathname.split("/").pop().replace(/\.html$/, "") || "index";

let asked = false;

/** With the first thing that cost the reader work the browser is asked to keep it; not where it would ask the reader in
 *  turn (Firefox): there yours.html has a button. */
export function askToKeep() {
  if (asked || /Firefox\//.test(navigator.userAgent)) return;
  asked = true;
  navigator.storage?.persist?.().catch(() => {}); // not there over plain http
}
