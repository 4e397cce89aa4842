// Keeps the page's address and its parts in step: a link reproduces an experiment. What an address looks like is
// link.js's; what a part makes of it is the part's own, and it is a part once it has called restore:
//
//   linkName             its name in the address
//   label                its name for readers, where that is another
//   linkValues()         Map of what differs from the page as it was built (or a promise of it); null for a value that is
//                        too long for a link
//   linkAccepts(values)  those of a link's values that it can take; undefined when there are none
//   linkPut(values)      show them
import { formatLink, LONGEST, parseLink, partsMeant } from "./link.js";
import { hideNotice, notice } from "./notice.js";

const SETTLED = 500; // ms of stillness: Safari allows a hundred changes of the address in thirty seconds

const NAMED = 200; // characters of what a link asks in vain

const known = new Set();
let timer;

const following = Node.DOCUMENT_POSITION_FOLLOWING;
const inOrder = (a, b) => (a.compareDocumentPosition(b) & following ? -1 : 1);

/** The parts of this page, from above. */
const parts = () => [...known].filter((part) => part.isConnected).sort(inOrder);

/** Something has changed: the address follows when it rests. */
export function addressLater() {
  clearTimeout(timer);
  timer = setTimeout(writeAddress, SETTLED);
}

/** What parts have to tell, [[part, values], …], this one first and in any case: those that fit into a link, and what is
 *  left out of it, by name. */
async function currentStates(first) {
  const told = await Promise.all(parts().map(async (part) => [part, await part.linkValues()]));
  const states = told.filter(([part, values]) => values.size || part === first).sort(([a], [b]) => (b === first) - (a === first));
  const left = [];
  const leave = (state) => {
    states.splice(states.indexOf(state), 1, ...(state[0] === first && state[1].size ? [[first, new Map()]] : []));
    left.push(state[0].label ?? state[0].linkName);
  };
  for (const state of [...states]) if ([...state[1].values()].includes(null)) leave(state);
  while (written(states).length > LONGEST) leave(states.reduce((a, b) => (written([a]).length < written([b]).length ? b : a)));
  return { states, left };
}

const written = (states) => formatLink(states.map(([part, values]) => [part.linkName, values]));

// Anchors such as #eq-bytes stay where they are until there is a state to tell. While a next page is on its way the
// address is that page's already, and to write it would break the way off.
async function writeAddress() {
  const { states, left } = await currentStates();
  const fragment = written(states);
  if (globalThis.navigation?.transition) return;
  const anchor = parseLink(location.hash).size ? "" : location.hash;
  const url = new URL(location.href);
  url.hash = fragment || anchor;
  showAddress(url.href);
  missing(left);
}

export function showAddress(href) {
  if (href !== location.href) history.replaceState({ written: true }, "", href); // the same again would be a navigation
}

let said = "";

function missing(left) {
  const text = left.length ? `Too long for the page's address: ${left.join(", ")}. A link can't hold it, and a reload keeps what stands in an editor only; copy it to keep it.` : "";
  if (text === said) return;
  hideNotice(said);
  said = text;
  if (text) notice(text);
}

// A reload takes everything along, also what was changed just now.
document.addEventListener("before-reload", ({ detail }) => detail.push(writeAddress()));

/** {href, left}: the address that opens this page at this demo, with all that the reader has changed; and the names of
 *  what is too long for it. Where nothing has changed it is the demo's anchor: programs cut a ":" off the end. */
export async function linkTo(demo) {
  const { states, left } = await currentStates(demo);
  const url = new URL(document.documentElement.dataset.home ?? location.href, location.href); // in a frame: its topic's page
  url.hash = states.length === 1 && !states[0][1].size ? demo.id : written(states);
  return { href: url.href, left };
}

/** The address at which a demo stands alone, as it is set, to be shown in a frame; "call" is its topic.name. */
export async function embedOf(demo) {
  const url = new URL(`embed/${demo.getAttribute("call")}.html`, (await linkTo(demo)).href);
  const values = await demo.linkValues();
  url.hash = values.size ? formatLink([[demo.linkName, values]]) : "";
  return url.href;
}

/** What the address wants of a new part. One that a reader has followed, not we have written, scrolls to its first. */
export function restore(part) {
  for (const other of known) if (!other.isConnected) known.delete(other); // a page that was left is let go
  known.add(part);
  tellLater();
  const states = parseLink(location.hash);
  const values = part.linkAccepts(states.get(part.linkName));
  if (!values) return;
  part.linkPut(values);
  const [first] = states.keys();
  if (first === part.linkName && !history.state?.written) loaded().then(() => part.scrollIntoView());
}

let telling;

// Parts come one after the other: what the address asks of them is judged when all are there.
function tellLater() {
  clearTimeout(telling);
  telling = setTimeout(tellUnread);
}

/** What an address asks for and nobody takes is told by name: a page that opens at its defaults without a word is taken for
 *  what the link was to show. */
function tellUnread() {
  const states = parseLink(location.hash);
  const unread = [...states].flatMap(([name, values]) => {
    const part = parts().find(({ linkName }) => linkName === name);
    const taken = part?.linkAccepts(values);
    return taken ? [...values.keys()].filter((key) => !taken.has(key)).map((key) => `${name}: ${key}`) : [name];
  });
  const lost = Math.max(partsMeant(location.hash) - states.size, 0);
  if (unread.length) notice(`The link asks for what this page does not have: ${unread.join(", ").slice(0, NAMED)}. It is left as it is here.`);
  else if (lost) notice("A part of the link could not be read: it may have been cut short. What it does not say is left as it is here.");
}

const loaded = () =>
  new Promise((resolve) => {
    if (document.readyState === "complete") resolve();
    else addEventListener("load", resolve, { once: true });
  });

// A fragment that names nothing of this page changes nothing; one that does is the state of the whole page.
addEventListener("hashchange", () => {
  tellLater();
  const states = parseLink(location.hash);
  const wanted = parts().map((part) => [part, part.linkAccepts(states.get(part.linkName))]);
  if (!wanted.some(([, values]) => values)) return;
  for (const [part, values] of wanted) part.linkPut(values ?? new Map());
});
