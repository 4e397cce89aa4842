// The offline copy: what is held, what has yet to come, and how it gets here. Used by the page on which a reader
// switches it on and by the service worker that answers from it; knows neither, and no file by its name.
//
// Each file lies under an address that changes with its contents: most names hold a hash, a page's stands behind it
// (kv_cache.html?1f0c…). So an old and a new copy can lie side by side, and what is here is never fetched again. One
// entry, the list, says which of them is in use: it is replaced when the new set is whole, and only then does what the
// list no longer names go.
import { download, downloadJson, twice, wrong } from "../net/file.js";

const LIST = "offline.json"; // written by builder/index/offline.py: {files: [[path, bytes, hash]]}
const AT_ONCE = 4; // downloads: browsers have six connections to a server, and the reader may read on
const TYPES = { html: "text/html; charset=utf-8", css: "text/css", js: "text/javascript", json: "application/json", svg: "image/svg+xml", wasm: "application/wasm", woff2: "font/woff2" };

const typeOf = (path) => TYPES[path.split(".").pop()] ?? "application/octet-stream";
const addressOf = ([path, , hash]) => (path.endsWith(".html") ? `${path}?${hash}` : path);

/** The 16 characters by which the build knows these bytes. */
export async function hashOf(bytes) {
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...sum.slice(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether two lists name the same files. */
export const isSame = (one, other) => JSON.stringify(one.files) === JSON.stringify(other.files);

/* The copy of the site at `scope`, an absolute address with a final slash. One origin may have several sites: the store's
   name is ours and this one's. */
export function offlineCopy(scope) {
  const name = `llm-internals-offline ${new URL(scope).pathname}`;
  const at = (address) => new URL(address, scope).href;
  const match = (url) => caches.match(url, { cacheName: name }); // makes no store where there is none

  /** The list in use, with the day (`since`) on which it became whole; undefined when nothing is in use. */
  const held = async () => (await match(at(LIST)))?.json();

  /** The list as the server has it now. */
  const latest = () => downloadJson({ url: at(LIST) }, { again: true });

  /** The files of a list that are not here yet. */
  async function missing({ files }) {
    const here = (await caches.has(name)) ? await (await caches.open(name)).keys() : [];
    const urls = new Set(here.map(({ url }) => url));
    return files.filter((file) => !urls.has(at(addressOf(file))));
  }

  /* Fetch what is missing of a list, then put it in use. Rejects at the first file that can't be had; what has come whole
     stays, and the next call takes it up.

     signal   ends it
     onBytes  (n) → n more have come; less than 0 when a file has to be fetched again */
  async function fill(list, { signal, onBytes = () => {} } = {}) {
    const stop = new AbortController();
    const end = () => stop.abort(signal.reason);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
    const queue = await missing(list);
    const store = await caches.open(name);
    let problem;
    const worker = async () => {
      while (queue.length && !stop.signal.aborted) await bring(store, queue.shift(), stop.signal, onBytes);
    };
    const failed = (error) => {
      problem ??= error;
      stop.abort(error);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, () => worker().catch(failed)));
    signal?.removeEventListener("abort", end);
    if (problem ?? stop.signal.aborted) throw problem ?? stop.signal.reason;
    await store.put(at(LIST), new Response(JSON.stringify({ ...list, since: new Date().toISOString() })));
    await forget(store, list);
  }

  async function bring(store, file, signal, onBytes) {
    const [path, bytes, hash] = file;
    const url = at(addressOf(file));
    const data = await twice(async ({ again }) => {
      let came = 0;
      const count = (n) => onBytes(n, (came += n));
      try {
        const data = await download({ url, bytes }, { again, signal, page: true, onBytes: count });
        if ((await hashOf(data)) !== hash) throw wrong(url, "not the file that the list names. The site may just be changing");
        return data;
      } catch (error) {
        onBytes(-came);
        throw error;
      }
    });
    await store.put(url, new Response(data, { headers: { "content-type": typeOf(path) } }));
  }

  async function forget(store, { files }) {
    const wanted = new Set([at(LIST), ...files.map((file) => at(addressOf(file)))]);
    for (const { url } of await store.keys()) if (!wanted.has(url)) await store.delete(url);
  }

  /** What an address asks for, below the scope: "kv_cache.html"; undefined when it is no address of this site. */
  function pathOf({ origin, pathname }) {
    const url = origin + pathname;
    return url.startsWith(scope) ? url.slice(scope.length) : undefined;
  }

  /** The file of a list that is the page at a path: with or without .html, as servers have it. */
  const pageOf = (list, path) => list.files.find(([own]) => [path, `${path}.html`, `${path}index.html`].includes(own));

  /** What is held under an address that holds its hash. */
  const file = (url) => match(url.origin + url.pathname);

  /** The page in use at an address, as {text, since}; undefined where none is held. */
  async function page(url) {
    const list = await held();
    const found = list && pageOf(list, pathOf(url));
    const answer = found && (await match(at(addressOf(found))));
    return answer && { text: await answer.text(), since: list.since };
  }

  const remove = () => caches.delete(name);

  return { name, held, latest, missing, fill, pathOf, pageOf, file, page, remove };
}
