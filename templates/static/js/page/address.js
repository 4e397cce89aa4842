// Keeps the page's address and its parts in step: a link reproduces an experiment. What an address looks like is
// link.js's; what a part makes of it is the part's own, and it is a part once it has called restore:
//
//   linkName             its name in the address
//   linkValues()         Map of what differs from the page as it was built (or a promise of it)
//   linkAccepts(values)  those of a link's values that it can take; undefined when there are none
//   linkPut(values)      show them
import { formatLink, parseLink } from "./link.js";

const SETTLED = 500; // ms of stillness: Safari allows a hundred changes of the address in thirty seconds

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

async function currentStates() {
  const states = await Promise.all(parts().map(async (part) => [part.linkName, await part.linkValues()]));
  return states.filter(([, values]) => values.size);
}

// Anchors such as #eq-bytes stay where they are until there is a state to tell. While a next page is on its way the
// address is that page's already, and to write it would break the way off.
async function writeAddress() {
  const fragment = formatLink(await currentStates());
  if (globalThis.navigation?.transition) return;
  const anchor = parseLink(location.hash).size ? "" : location.hash;
  const url = new URL(location.href);
  url.hash = fragment || anchor;
  if (url.href !== location.href) history.replaceState({ written: true }, "", url); // the same again would be a navigation
}

// A reload takes everything along, also what was changed just now.
document.addEventListener("before-reload", ({ detail }) => detail.push(writeAddress()));

/** The address that opens this page at this demo, with all that the reader has changed. */
export async function linkTo(demo) {
  const others = (await currentStates()).filter(([name]) => name !== demo.linkName);
  const url = new URL(location.href);
  url.hash = formatLink([[demo.linkName, await demo.linkValues()], ...others]);
  return url.href;
}

/** What the address wants of a new part. One that a reader has followed, not we have written, scrolls to its first. */
export function restore(part) {
  for (const other of known) if (!other.isConnected) known.delete(other); // a page that was left is let go
  known.add(part);
  const states = parseLink(location.hash);
  const values = part.linkAccepts(states.get(part.linkName));
  if (!values) return;
  part.linkPut(values);
  const [first] = states.keys();
  if (first === part.linkName && !history.state?.written) loaded().then(() => part.scrollIntoView());
}

const loaded = () =>
  new Promise((resolve) => {
    if (document.readyState === "complete") resolve();
    else addEventListener("load", resolve, { once: true });
  });

// A fragment that names nothing of this page changes nothing; one that does is the state of the whole page.
addEventListener("hashchange", () => {
  const states = parseLink(location.hash);
  const wanted = parts().map((part) => [part, part.linkAccepts(states.get(part.linkName))]);
  if (!wanted.some(([, values]) => values)) return;
  for (const [part, values] of wanted) part.linkPut(values ?? new Map());
});
