// Keeps the page's address and its demos in step: a link reproduces an experiment. Knows the demos' forms and the
// address; what it looks like is link.js's.
import { accepted, changedControls } from "./controls.js";
import { formatLink, parseLink } from "./link.js";

const SETTLED = 500; // ms of stillness: Safari allows a hundred changes of the address in thirty seconds

let timer;

const demosOfPage = () => [...document.querySelectorAll("llm-demo")];

/** A demo has moved: the address follows when it rests. */
export function addressLater() {
  clearTimeout(timer);
  timer = setTimeout(writeAddress, SETTLED);
}

// Anchors such as #eq-bytes stay where they are until there is a state to tell.
function writeAddress() {
  const states = demosOfPage().map((demo) => [demo.name, changedControls(demo.form)]).filter(([, values]) => values.size);
  const fragment = formatLink(states);
  const anchor = parseLink(location.hash).size ? "" : location.hash;
  const url = new URL(location.href);
  url.hash = fragment || anchor;
  if (url.href !== location.href) history.replaceState({ written: true }, "", url); // the same again would be a navigation
}

/** The address that opens this page at this demo, with the values that it has now. */
export function linkTo(demo) {
  const url = new URL(location.href);
  url.hash = formatLink([[demo.name, changedControls(demo.form)]]);
  return url.href;
}

/** What the address wants of a new demo. One that a reader has followed, not we have written, scrolls to its demo. */
export function restore(demo) {
  const states = parseLink(location.hash);
  const values = accepted(demo.form, states.get(demo.name));
  if (!values) return;
  demo.put(values);
  const [first] = states.keys();
  if (first === demo.name && !history.state?.written) loaded().then(() => demo.scrollIntoView());
}

const loaded = () => (document.readyState === "complete" ? Promise.resolve() : new Promise((resolve) => addEventListener("load", resolve, { once: true })));

// A fragment that names nothing of this page changes nothing; one that does is the state of the whole page.
addEventListener("hashchange", () => {
  const states = parseLink(location.hash);
  const wanted = demosOfPage().map((demo) => [demo, accepted(demo.form, states.get(demo.name))]);
  if (!wanted.some(([, values]) => values)) return;
  for (const [demo, values] of wanted) demo.put(values ?? new Map());
});
