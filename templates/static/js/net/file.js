// Fetches a file of this site whole, or says by its name why it can't be had. Used by the page and by its worker; knows
// no file.
//
// A server may send files one after the other, so silence is that of all downloads together: while anything arrives,
// whoever waits for another file goes on waiting.

const STALLED = 6_000; // ms in which nothing at all has arrived: less than the page's patience with a silent worker
const TICK = 250;
const SCRIPT = /^(text|application)\/(x-)?(java|ecma)script/;

const waiting = new Set(); // AbortControllers of the downloads that may not wait for ever
let silence = 0; // counted in ticks, not by the clock: a laptop that slept is no dead line
let clock;

export const nameOf = (url) => new URL(url).pathname.split("/").pop();

/** Something has arrived, here or elsewhere in the tab. */
export function heard() {
  silence = 0;
}

/** How many bytes have come so far, in this thread. */
export let arrived = 0;

function tick() {
  silence += TICK;
  if (silence >= STALLED) for (const stop of waiting) stop.abort(new Error(`nothing arrived for ${STALLED / 1000} s`));
}

function watch(stop) {
  if (!waiting.size) {
    silence = 0;
    clock = setInterval(tick, TICK);
  }
  waiting.add(stop);
  return () => waiting.delete(stop) && !waiting.size && clearInterval(clock);
}

/** What is wrong with a file, as an error that tells its name and carries its address. */
export const wrong = (url, cause) => Object.assign(new Error(`${nameOf(url)}: ${cause}`), { file: url });

/* A response whose body is whole, or fails.

   file      {url, bytes}: its absolute address and, where it is known, its length, decoded
   again     true: past every cache
   script    true: browsers run only what the server calls JavaScript
   patient   true: whoever asks looks after the silence
   page      true: a web page is what is asked for
   signal    ends it
   onBytes   (n) → n more have come
   onBroken  (error): the body has broken off. Browsers differ in what they make of that, so it goes past them, too */
export async function openFile({ url, bytes }, { again, script, patient, page, signal, onBytes, onBroken } = {}) {
  const stop = new AbortController();
  const end = () => stop.abort(signal.reason);
  signal?.addEventListener("abort", end);
  if (signal?.aborted) end();
  const done = patient ? () => {} : watch(stop);
  const because = (cause) => {
    const stalled = stop.signal.aborted;
    return Object.assign(wrong(url, stalled ? stop.signal.reason.message : cause), { stalled });
  };
  try {
    const response = await fetch(url, { cache: again ? "reload" : "default", signal: stop.signal }).catch((error) => {
      throw because(`no answer (${error.message})`);
    });
    const type = response.headers.get("content-type") ?? "";
    if (!response.ok) throw wrong(url, `HTTP ${response.status}`);
    if (!page && type.startsWith("text/html")) throw wrong(url, "a web page came in its place");
    if (script && !SCRIPT.test(type)) throw wrong(url, `the server calls it ${type || "nothing"}, which browsers don't run`);
    const body = counted(response.body, bytes, onBytes, (cause) => {
      done();
      const problem = because(cause);
      onBroken?.(problem);
      return problem;
    }, done);
    // Any server will do: what type it calls wasm matters less than what the bytes say.
    return new Response(body, { headers: { "content-type": "application/wasm" } });
  } catch (error) {
    done();
    throw error;
  }
}

function counted(stream, bytes, onBytes, broken, done) {
  const reader = stream.getReader();
  let loaded = 0;
  const enough = () => bytes === undefined || loaded === bytes;
  const pull = async (controller) => {
    const step = await reader.read();
    if (step.done && !enough()) throw new Error("the connection closed");
    if (step.done) return done(), controller.close();
    loaded += step.value.length;
    if (loaded > bytes) throw new Error("more came than the file has");
    arrived += step.value.length;
    heard();
    onBytes?.(step.value.length);
    controller.enqueue(step.value);
  };
  const explain = (error) => {
    throw broken(`broken off after ${loaded}${bytes === undefined ? "" : ` of ${bytes}`} bytes (${error.message})`);
  };
  return new ReadableStream({ pull: (controller) => pull(controller).catch(explain) });
}

/** A bad answer may be the cache's own: the second try goes past it, unless the first has waited in vain. */
export const twice = (load) =>
  load({ again: false }).catch((error) => {
    if (error.stalled) throw error;
    return load({ again: true });
  });

/** The bytes of a file. */
export async function download(file, options) {
  let problem; // what the browser makes of it differs
  const onBroken = (error) => {
    problem = error;
    options?.onBroken?.(error);
  };
  const response = await openFile(file, { ...options, onBroken });
  const bytes = await response.arrayBuffer().catch((error) => Promise.reject(problem ?? error));
  return new Uint8Array(bytes);
}

/** What a JSON file says. */
export async function downloadJson(file, options) {
  const text = new TextDecoder().decode(await download(file, options));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrong(file.url, `no JSON (${error.message})`);
  }
}

const failedImports = new Map(); // address → how often

/* A script of this site, imported once it has come whole. A browser may remember for good that an address could not be
   imported (https://github.com/whatwg/html/issues/6768): so import() only meets what the cache has just been given, and
   after a failure all the same the next try has an address of its own. */
export async function importFile(file, options) {
  const tries = failedImports.get(file.url) ?? 0;
  const url = tries ? `${file.url}?${tries}` : file.url;
  await download({ ...file, url }, { ...options, script: true });
  return import(url).catch((error) => {
    failedImports.set(file.url, tries + 1);
    throw wrong(file.url, error.message);
  });
}
