// Fetches a demo's data file, from the browser's own store where an earlier visit has put it. Knows no Python.
//
// The file's address changes with its bytes, so that what is stored never goes stale. `keep` judges the bytes: what it
// refuses is fetched again once, past every cache.
//
// The store is a convenience: whatever it refuses, throws, or never answers costs a download and nothing else.
import { download, twice } from "../net/file.js";

const STORE = "llm-internals-data"; // one origin is shared by all of an account's sites: the name is ours
const ANSWERS = 1_000; // ms for the store to answer

/* file    {url, bytes, here}; here is its address on this site, for a second try
   keep    (Uint8Array) → anything; throws when the bytes are wrong
   report  (loaded, total) */
export async function fetchData(file, keep, report) {
  // in whichever store it lies: the offline copy may have it, too
  const stored = await inTime(async () => new Uint8Array(await (await caches.match(file.url)).arrayBuffer()));
  if (stored && isKept(stored, keep)) return;
  const bytes = await twice(async (how) => {
    let loaded = 0;
    const from = how.again ? { ...file, url: file.here } : file;
    const fresh = await download(from, { ...how, onBytes: (n) => report((loaded += n), file.bytes) });
    keep(fresh);
    return fresh;
  });
  inTime(() => putInto(STORE, file.url, bytes)); // nobody waits for it
}

// Not there over plain http and in some private windows: undefined, as for all else that goes wrong.
async function inTime(ask) {
  const late = new Promise((resolve) => setTimeout(resolve, ANSWERS));
  return Promise.race([Promise.resolve().then(ask).catch(() => undefined), late]);
}

function isKept(bytes, keep) {
  try {
    keep(bytes);
    return true;
  } catch {
    return false;
  }
}

// In the place of what an earlier deployment called the same file by another hash.
async function putInto(name, url, bytes) {
  const store = await caches.open(name);
  await store.put(url, new Response(bytes));
  const stem = (address) => address.slice(0, address.lastIndexOf("-"));
  for (const request of await store.keys()) {
    if (request.url !== url && stem(request.url) === stem(url)) await store.delete(request);
  }
}
