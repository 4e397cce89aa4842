// Stands in the head of each page as text, so that it is there whatever can't be fetched. Sets the reader's theme before
// anything is painted (theme-switch.js writes what this reads), and says at the page's foot what keeps the page from
// working, why, and what helps. Knows of the rest only that main.js, once it has run, sets <html data-script>.
import { UPDATED, isUpdated } from "../net/updated.js";

const LATE = 7_000; // ms without the page's script, or its style
const NEXT = 200;

const root = document.documentElement;

try {
  // in a frame (data-home) the page around it says how it looks: by ?theme=, else by the system's scheme
  const asked = /[?&]theme=(light|dark)\b/.exec(location.search)?.[1];
  const chosen = asked ?? (root.dataset.home ? "" : localStorage.getItem("llm-internals:theme"));
  if (chosen) root.dataset.theme = chosen;
} catch {
  // storage may be forbidden: the system's theme stays
}

let late = false; // what is said is only that something has not come yet

const part = (id) => document.getElementById(id);

function say(text, more = "Reload the page to try again.") {
  if (!part("announcer")) return setTimeout(say, NEXT, text, more); // the page's foot is still on its way
  part("notice").firstElementChild.textContent = part("announcer").textContent = `${text} ${more}`;
  part("notice").querySelector("[data-reload]").hidden = part("notice").hidden = false;
}

const DEAD = "You can read on; controls, editing and search do nothing.";
const ALONE = "Browsers load no scripts from files or into closed frames: open the page from a server, in a tab of its own.";
const BROKEN = "It has come broken, or this browser is too old: reload the page, or try a newer one.";
const file = (url) => url.split("/").pop();

// Why the page's own script, or its style, could not be had: the browser itself does not tell.
async function explain(url, what) {
  if (self.origin === "null" || location.protocol === "file:") return say(`${what} (${file(url)})`, ALONE);
  const cause = await (async () => {
    const answer = await fetch(url, { cache: "reload", signal: AbortSignal.timeout(2_000) });
    await answer.arrayBuffer();
    const type = answer.headers.get("content-type");
    return !answer.ok ? `HTTP ${answer.status}` : /javascript|css/.test(type) ? "it can be had now" : `the server calls it ${type}`;
  })().catch((error) => error.message);
  say(`${what} (${file(url)}: ${cause})`, (await isUpdated()) ? `${UPDATED}.` : undefined);
}

addEventListener("error", (event) => {
  const { target, message, filename } = event;
  if (target.tagName === "SCRIPT") explain(target.src, `The page’s script could not be loaded. ${DEAD}`);
  else if (target.rel === "stylesheet") explain(target.href, "The page’s style could not be loaded.");
  else if (target === window) failed(message, filename);
}, true);

addEventListener("unhandledrejection", ({ reason }) => reason?.name !== "AbortError" && failed(reason?.message ?? reason));

// Whatever nobody has caught: before the page's script has run, nothing works; later, one thing.
function failed(message, from = "") {
  if (/^ResizeObserver loop/.test(message)) return; // no error: told once more in the next frame
  if (root.dataset.script) say(`Something on this page did not work (${message}).`, "If a control stays dead, reload the page.");
  else say(`The page’s script can’t run here (${file(from)}: ${message}). ${DEAD}`, BROKEN);
}

// A style that has come broken: builder/bundle/assets.py ends each with a rule for nothing.
addEventListener("load", () => {
  for (const { sheet, href } of document.querySelectorAll("link[rel=stylesheet]")) {
    if (sheet && !whole(sheet)) say(`The page’s style has come broken (${file(href)}).`);
  }
});

function whole(sheet) {
  try {
    return [...sheet.cssRules].at(-1)?.selectorText === "#whole";
  } catch {
    return true; // refused for its type, and so unreadable: its error event tells why
  }
}

// A style that never comes would keep the page from being painted: one put in by a script does not.
setTimeout(() => {
  for (const link of document.querySelectorAll("link[rel=stylesheet]")) {
    if (link.sheet) continue;
    say(`The page’s style has not come yet (${file(link.href)}).`);
    link.replaceWith(link.cloneNode());
  }
  const script = document.querySelector("script[type=module]");
  if (root.dataset.script || !part("notice").hidden) return;
  late = true;
  say(`The page’s script has not come yet (${file(script.src)}). ${DEAD}`);
}, LATE);

new MutationObserver(() => {
  if (late) part("notice").hidden = true; // it has come after all
}).observe(root, { attributeFilter: ["data-script"] });

// A reload takes the state along in the address (address.js hears of it), and no bad answer from the cache.
document.addEventListener("click", async ({ target }) => {
  if (target.closest?.("[data-dismiss]")) part("notice").hidden = true;
  if (!target.closest?.("[data-reload]")) return;
  const first = [];
  document.dispatchEvent(new CustomEvent("before-reload", { detail: first }));
  for (const { src, href } of document.querySelectorAll("script[src], link[rel=stylesheet]")) {
    first.push(fetch(src ?? href, { cache: "reload", signal: AbortSignal.timeout(2_000) }));
  }
  await Promise.allSettled(first);
  location.reload();
});
