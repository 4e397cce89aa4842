// The search: a dialog with a field and a list of sections. Loaded by search.js when first opened.
// Finds beginnings of words and forgives a letter in six; the index is made here, from one file of plain text.
import MiniSearch from "minisearch";
import { downloadJson, twice } from "../net/file.js";
import { explained } from "../net/updated.js";
import { composing } from "./keys.js";
import { adopt } from "./style.js";

/* global SEARCH_STYLE */ // defined by builder/bundle/assets.py: css/search-dialog.css

const SHOWN = 12; // results
const AROUND = 70; // characters of an excerpt before the first word that was found
const EXCERPT = 190;

let loading; // a promise of {find, base}: kept between pages, so that it is fetched once

async function load(file) {
  const places = await twice((how) => downloadJson(file, how));
  const index = new MiniSearch({ fields: ["title", "page", "text"], storeFields: ["url", "page", "heading", "text"] });
  index.addAll(places.map((place, id) => ({ id, title: place.heading || place.page, ...place })));
  return { find: (query) => find(index, query), site: new URL("..", file.url) };
}

/** The places that have all words; those with any, when none has all. A page itself goes before its sections, and
    before the glossary's word of the same name. */
function find(index, query) {
  const how = {
    prefix: true,
    fuzzy: (word) => (word.length > 3 ? 0.17 : false),
    boost: { title: 3, page: 2 },
    boostDocument: (_, __, { heading }) => (heading ? 1 : 2),
  };
  const all = index.search(query, { ...how, combineWith: "AND" });
  return (all.length ? all : index.search(query, how)).slice(0, SHOWN);
}

adopt(SEARCH_STYLE);

/** Open the dialog; `file` is the index, {url, bytes}. */
export function openSearch(file) {
  if (document.querySelector("dialog.search")) return;
  const dialog = document.createElement("dialog");
  dialog.className = "search";
  dialog.setAttribute("aria-label", "Search");
  dialog.innerHTML = `
    <form method="dialog">
      <input type="text" enterkeyhint="search" role="combobox" aria-label="Search all pages" aria-expanded="false" aria-controls="search-results"
        aria-autocomplete="list" placeholder="Search all pages" autocomplete="off" spellcheck="false" autofocus>
      <button>Close</button>
    </form>
    <p class="search-status" role="status">Loading…</p>
    <div id="search-results" role="listbox" aria-label="Results"></div>`;
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("a")) dialog.close(); // beside it, or a result
  });
  dialog.showModal();
  run(dialog, file);
}

function run(dialog, file) {
  const [field, list, status] = ["input", "[role=listbox]", ".search-status"].map((name) => dialog.querySelector(name));
  const update = async () => {
    const query = field.value.trim();
    try {
      loading ??= load(file);
      const { find, site } = await loading;
      if (query !== field.value.trim()) return; // a newer one is on its way
      const found = query ? find(query) : [];
      list.replaceChildren(...found.map((result, i) => item(result, i, site)));
      status.textContent = told(query, found.length);
    } catch (error) {
      loading = undefined; // the next letter tries again
      const { message, updated } = await explained(error);
      status.textContent = `The search could not be loaded. ${message}. ${updated ? "" : "The next letter that you type tries again."}`;
    }
    choose(field, list, 0);
  };
  field.addEventListener("input", update);
  field.addEventListener("keydown", (event) => steer(event, field, list));
  update();
}

const told = (query, n) => (!query ? "" : n === 0 ? `Nothing found for “${query}”.` : n === 1 ? "1 result" : `${n} results`);

function steer(event, field, list) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const chosen = list.querySelector("[aria-selected=true]");
  if (event.key === "Enter") event.preventDefault(); // or the form closes the dialog
  if (composing(event)) return;
  if (event.key === "Enter") {
    chosen?.click();
  } else if (step && chosen) {
    event.preventDefault();
    const n = list.children.length;
    choose(field, list, ([...list.children].indexOf(chosen) + step + n) % n);
  }
}

function choose(field, list, at) {
  for (const [i, option] of [...list.children].entries()) option.setAttribute("aria-selected", String(i === at));
  const chosen = list.children[at];
  chosen?.scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-expanded", String(Boolean(chosen)));
  field.setAttribute("aria-activedescendant", chosen?.id ?? "");
}

function item({ url, page, heading, text, terms }, i, site) {
  const link = document.createElement("a");
  link.id = `search-result-${i}`;
  link.role = "option";
  link.href = new URL(url, site);
  link.tabIndex = -1; // the arrows move among results
  const name = document.createElement("span");
  name.append(line("strong", page, terms), ...(heading ? [" › ", line("span", heading, terms)] : []));
  link.append(name, line("small", excerpt(text, terms), terms));
  return link;
}

function line(tag, text, terms) {
  const element = document.createElement(tag);
  element.append(...marked(text, terms));
  return element;
}

/** Words of the index as one pattern: at the beginning of a word, whatever its case. */
function pattern(terms) {
  const escaped = terms.map((term) => term.replace(/[$^\\.*+?()[\]{}|/]/g, "\\$&"));
  return new RegExp(`(?<![\\p{L}\\p{N}])(?:${escaped.join("|")})`, "giu");
}

function excerpt(text, terms) {
  const first = Math.max(text.search(pattern(terms)), 0);
  const start = first > AROUND ? text.indexOf(" ", first - AROUND) + 1 : 0;
  const end = start + EXCERPT < text.length ? text.lastIndexOf(" ", start + EXCERPT) : text.length;
  return `${start ? "… " : ""}${text.slice(start, end)}${end < text.length ? " …" : ""}`;
}

/** The text in pieces, what was found as <mark>. */
function* marked(text, terms) {
  let at = 0;
  for (const hit of text.matchAll(pattern(terms))) {
    yield text.slice(at, hit.index);
    yield Object.assign(document.createElement("mark"), { textContent: hit[0] });
    at = hit.index + hit[0].length;
  }
  yield text.slice(at);
}
