// Fetches a demo's data file, from the browser's own store where an earlier visit has put it. Knows no Python.
//
// The file's address changes with its bytes, so that what is stored never goes stale. `keep` judges the bytes: what it
// refuses is fetched again once, past every cache.

const STORE = "llm-internals-data"; // one origin is shared by all of an account's sites: the name is ours
const STALLED = 6_000; // ms without a byte: less than the page's patience with a silent worker

/* file    {url, bytes}
   keep    (Uint8Array) → anything; throws when the bytes are wrong
   report  (loaded, total) */
export async function fetchData(file, keep, report) {
  const store = await openStore();
  const stored = await store?.match(file.url);
  if (stored && (await kept(stored, keep))) return;
  await store?.delete(file.url);
  const bytes = await fetchWhole(file, keep, report);
  await store?.put(file.url, new Response(bytes)).catch(() => {}); // a full disk costs the next visit a download
  await forget(store, file.url);
}

async function fetchWhole(file, keep, report) {
  let problem;
  for (const cache of ["default", "reload"]) {
    try {
      const bytes = await download(file, cache, report);
      keep(bytes);
      return bytes;
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}

// What an earlier deployment called the same file by another hash.
async function forget(store, url) {
  const stem = url.slice(0, url.lastIndexOf("-"));
  for (const request of (await store?.keys()) ?? []) {
    if (request.url !== url && request.url.slice(0, request.url.lastIndexOf("-")) === stem) await store.delete(request);
  }
}

// Not over plain http, not in some private windows: then the browser's ordinary cache must do.
const openStore = async () => self.caches?.open(STORE).catch(() => undefined);

async function kept(response, keep) {
  try {
    keep(new Uint8Array(await response.arrayBuffer()));
    return true;
  } catch {
    return false;
  }
}

async function download({ url, bytes: size }, cache, report) {
  const name = url.split("/").pop();
  const stop = new AbortController();
  const problem = (cause) => new Error(`${name}: ${cause}. It is fetched again when you press Retry.`);
  let timer;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(problem(`nothing arrived for ${STALLED / 1000} s`)), STALLED);
  };
  try {
    alive();
    const response = await fetch(url, { cache, signal: stop.signal });
    if (!response.ok) throw problem(`HTTP ${response.status}`);
    const bytes = new Uint8Array(size);
    let loaded = 0;
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      alive();
      if (loaded + value.length > size) throw problem("more arrived than the file has");
      bytes.set(value, loaded);
      report((loaded += value.length), size);
    }
    if (loaded < size) throw problem(`broken off after ${loaded} of ${size} bytes`);
    return bytes;
  } catch (error) {
    if (stop.signal.aborted) throw stop.signal.reason;
    throw error.message.startsWith(name) ? error : problem(`no answer (${error.message})`);
  } finally {
    clearTimeout(timer);
  }
}
