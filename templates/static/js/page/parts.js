// What a page needs only once something moves: scripts that are whole in themselves (esbuild shares no code between
// them), each under a name that changes with its own contents. Knows where they lie, not what is in them.
import { importFile, twice } from "../net/file.js";
import { explained } from "../net/updated.js";
import { hideNotice, notice } from "./notice.js";

/* global PARTS */ // defined by builder/bundle/assets.py: {name: {url, bytes}}

const SLOW = 500; // ms before a reader who has asked for something is told that it is on its way

const parts = new Map(); // name → promise: each is fetched once, and anew after a failure
const here = new Set(); // names of those that have come

/** A part, by name. Rejects with {message, updated}: the next call asks the network again. */
export function part(name) {
  if (!parts.has(name)) askFor(name);
  return parts.get(name);
}

/** Ask for a part that is not here yet, and don't wait with those who asked before: that may be about to fail. */
export function partAgain(name) {
  if (!here.has(name)) askFor(name);
}

function askFor(name) {
  const asked = fetchPart(name);
  parts.set(name, asked);
  asked.then(
    () => here.add(name),
    () => parts.get(name) === asked && parts.delete(name),
  );
}

async function fetchPart(name) {
  const { url, bytes } = PARTS[name];
  const file = { url: new URL(url, import.meta.url).href, bytes };
  try {
    return await twice((how) => importFile(file, how));
  } catch (error) {
    throw await explained(error);
  }
}

/** The same for who has asked for it aloud: told that it is loading, or why not. Resolves to null when it can't come. */
export async function askedPart(name, what, button) {
  const loading = `${what} is loading …`;
  const slow = setTimeout(() => notice(loading), SLOW);
  try {
    return await part(name);
  } catch ({ message, updated }) {
    notice(`${what} could not be loaded. ${message}.${updated ? "" : ` Press ${button} to try again.`}`, { reload: updated });
    return null;
  } finally {
    clearTimeout(slow);
    hideNotice(loading);
  }
}
