// What is kept, as a file, and a file's contents put together with what is kept. Pure: tested in Node; touches no storage.
//
// The file is JSON with a version. Version 1 has the kinds of kept.js, each in its shape, and the theme. Whatever a file
// holds is judged entry by entry: what can be read is taken, the rest is counted and told.

export const FORMAT = "llm-internals-kept";
export const VERSION = 1;
const LONGEST = 20_000_000; // characters of a file: a whole localStorage holds 5 million
const TEXT = 5_000_000; // of one text in it

const text = (value, most = TEXT) => typeof value === "string" && value.length <= most;
const word = (value) => value === undefined || text(value, 100);
const name = (pattern) => (value) => text(value, 300) && pattern.test(value);
const table = (named, entry, picked) => ({ named, entry, picked });

const PAGE = /^[\w-]+$/, EXERCISE = /^[\w-]+\.\w+$/, PLACE = /^[\w-]+#[\w.-]+$/;
const dated = ({ day, of }) => word(day) && word(of);

// Of each kind: which names and which entries it may have, and what of an entry is taken
const LISTS = { read: name(PAGE), passed: name(EXERCISE), known: name(PLACE) };
const TABLES = {
  passes: table(name(EXERCISE), dated, ["day", "of"]),
  code: table(name(PLACE), (entry) => text(entry.text) && dated(entry), ["text", "day", "of"]),
  guesses: table(name(PLACE), (entry) => text(entry.ask) && text(entry.guess) && typeof entry.right === "boolean" && word(entry.day), ["ask", "guess", "right", "day"]),
};
const ROW = (row) => text(row.text) && word(row.day) && text(row.name, 300) && word(row.why);
const THEMES = ["light", "dark"];
const OWN = ["what", "format", "version", "saved", "theme", "earlier", ...Object.keys(LISTS), ...Object.keys(TABLES)];

export const CALLED = {
  read: "pages read", passed: "exercises passed", known: "questions that you can answer", passes: "days of passing",
  code: "texts of code", guesses: "guesses", earlier: "texts set aside",
};

/** The text of a file. */
export function fileOf(all, day) {
  const what = "What a reader of LLM Internals has kept: load it on the page “What is yours” of the site.";
  return `${JSON.stringify({ what, format: FORMAT, version: VERSION, saved: day, ...all }, null, 2)}\n`;
}

/** {all, told}: what a file holds, and what is to be said of it. Throws an Error that says why it is none of ours. */
export function readFile(source) {
  if (source.length > LONGEST) throw new Error("It is too large to be a file of this site.");
  let file;
  try {
    file = JSON.parse(source.replace(/^\ufeff/, ""));
  } catch (error) {
    throw new Error(`It is no JSON: it may be another file, or have been cut short on its way (${error.message}).`);
  }
  if (!isObject(file) || file.format !== FORMAT) throw new Error("It is JSON, but not a file that this site has saved.");
  if (!Number.isInteger(file.version) || file.version < 1) throw new Error("It says no version, so what it means is unknown.");
  const told = [];
  if (file.version > VERSION) told.push(`It was saved by a newer version of this site (${file.version}; this page knows ${VERSION}). What this page understands of it is taken; keep the file for the rest.`);
  const unknown = Object.keys(file).filter((key) => !OWN.includes(key));
  if (unknown.length) told.push(`Left out, since this page does not know what it is: ${unknown.join(", ").slice(0, 200)}.`);
  const all = {};
  for (const [kind, fits] of Object.entries(LISTS)) all[kind] = [...new Set(list(file, kind, told, fits))];
  for (const [kind, { named, entry, picked }] of Object.entries(TABLES)) {
    const pairs = isObject(file[kind]) ? Object.entries(file[kind]) : wrongShape(file, kind, told);
    const good = pairs.filter(([key, value]) => named(key) && isObject(value) && entry(value));
    dropped(pairs, good, kind, told);
    all[kind] = Object.fromEntries(good.map(([key, value]) => [key, pick(value, picked)]));
  }
  all.earlier = list(file, "earlier", told, (row) => isObject(row) && ROW(row)).map((row) => pick(row, ["name", "text", "day", "why"]));
  if (THEMES.includes(file.theme)) all.theme = file.theme;
  return { all, told };
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const pick = (value, keys) => Object.fromEntries(keys.filter((key) => value[key] !== undefined).map((key) => [key, value[key]]));

function wrongShape(file, kind, told) {
  if (file[kind] !== undefined) told.push(`Its ${CALLED[kind]} could not be read, and are left out.`);
  return [];
}

function list(file, kind, told, fits) {
  const entries = Array.isArray(file[kind]) ? file[kind] : wrongShape(file, kind, told);
  const good = entries.filter(fits);
  dropped(entries, good, kind, told);
  return good;
}

function dropped(all, good, kind, told) {
  const count = all.length - good.length;
  if (count) told.push(`Of its ${CALLED[kind]} ${count} could not be read, and ${count === 1 ? "is" : "are"} left out.`);
}

/** {all, told}: both together, and in words what became of each kind. Of two texts or guesses for one place the later stays there,
 *  and the other is set aside. */
export function merged(mine, theirs) {
  const all = {}, told = [];
  for (const kind of Object.keys(LISTS)) {
    all[kind] = [...new Set([...mine[kind], ...theirs[kind]])];
    tell(told, kind, all[kind].length - new Set(mine[kind]).size, theirs[kind].length);
  }
  const aside = [...mine.earlier];
  const setAside = (row) => aside.some((other) => other.name === row.name && other.text === row.text) || aside.push(row);
  for (const kind of Object.keys(TABLES)) {
    all[kind] = { ...mine[kind] };
    let added = 0, replaced = 0, stayed = 0;
    for (const [key, entry] of Object.entries(theirs[kind])) {
      const own = mine[kind][key];
      if (!own) added += 1;
      else if (same(kind, own, entry)) continue;
      const later = !own || (entry.day ?? "") > (own.day ?? "");
      if (own) later ? (replaced += 1) : (stayed += 1);
      const given = later ? own : entry;
      if (own && kind !== "passes") setAside({ name: key, text: given.text ?? `${given.ask}\nGuessed: ${given.guess}`, day: given.day ?? "", why: "merged" });
      if (later) all[kind][key] = entry;
    }
    if (kind === "passes") continue; // told with what was passed
    tell(told, kind, added, Object.keys(theirs[kind]).length);
    if (replaced) told.push(`Of ${CALLED[kind]}, ${replaced} differed here and ${was(replaced)} older: the file’s stands there now, the other is set aside, below.`);
    if (stayed) told.push(`Of ${CALLED[kind]}, ${stayed} differed in the file and ${was(stayed)} not newer: yours stands there still, the other is set aside, below.`);
  }
  const before = aside.length;
  for (const row of theirs.earlier) setAside(row);
  tell(told, "earlier", aside.length - before, theirs.earlier.length);
  all.earlier = aside;
  const theme = mine.theme || theirs.theme;
  if (theme) all.theme = theme;
  if (theirs.theme && !mine.theme) told.push(`The theme is the file’s: ${theirs.theme}.`);
  if (theirs.theme && mine.theme && mine.theme !== theirs.theme) told.push(`The theme stays ${mine.theme}; the file has ${theirs.theme}.`);
  return { all, told };
}

const was = (count) => (count === 1 ? "was" : "were");

const same = (kind, a, b) => (kind === "code" ? a.text === b.text : kind === "guesses" ? a.ask === b.ask && a.guess === b.guess : a.of === b.of && a.day === b.day);

function tell(told, kind, added, held) {
  if (held) told.push(`The file’s ${CALLED[kind]}: ${held}, of which ${added || "none"} ${added === 1 ? "is" : "are"} new here.`);
}
