// One Python for the whole tab: starts the worker, passes requests, notices its death, starts it again.
// Knows the worker's protocol; knows neither Pyodide nor what a request means.
//
//   off → booting → ready → (silence or crash) → booting …          at most MAX_FAILURES in a row
//                 ↘ broken: says why, until retry()
//
// The state stands on <html data-python="…">, where CSS and the tests read it.
import { reviveViews } from "./arrays.js";
import { activeEdits, deactivateEdits } from "./edits.js";

const MAX_FAILURES = 3;
const TICK = 250; // ms between two looks of the watchdog
const PATIENCE = { booting: 20_000, ready: 8_000 }; // ms of silence before the worker counts as dead
const HEARTBEAT = 4_000; // ms of idleness before a ping
const PONG = 2_000; // ms of silence after a ping to an idle worker
const DEADLINE = 1_500; // ms for the reader's own code; then Python is interrupted,
const GRACE = 500; // and after these the worker is ended
const HEAP = 1e9; // bytes: a worker that has grown so far is replaced, since its memory never shrinks

/* global WORKER, RUNTIME */ // defined by builder/bundle/assets.py: hashed paths and sizes
const at = (path) => new URL(path, import.meta.url).href;

const listeners = new Set();
const printListeners = new Set();
const requests = new Map(); // id → {message, resolve, reject, onProgress, sent, suspect}
let worker = null;
let wasm; // the compiled module: a restart need not compile again
let status = "off";
let detail = {};
let failures = 0;
let failedBoots = 0; // after one, nothing that the browser has cached is trusted
let lastId = 0;
let silence = 0; // counted in ticks, not by the clock: a laptop that slept is not a dead worker
let pinged = false;
let watchdog;
let token; // exists while the reader has not pressed Stop
let begun; // id of the request in which the reader's own code has begun to run in this worker
let ending; // the timer that ends the worker when that code does not
const reaching = new Set(); // code that has run in this worker, and could change what outlives it

export const pythonStatus = () => ({ status, ...detail });

function subscribe(set, listener) {
  set.add(listener);
  return () => set.delete(listener);
}

export const onPython = (listener) => subscribe(listeners, listener);
export const onPrint = (listener) => subscribe(printListeners, listener);

function become(next, more = {}) {
  status = next;
  detail = more;
  document.documentElement.dataset.python = next;
  for (const listener of listeners) listener(pythonStatus());
}

export function startPython() {
  if (status === "off") spawn();
}

export function retryPython() {
  if (status !== "broken") return;
  failures = 0;
  spawn();
}

const dataFile = ([name, file]) => {
  return [name, { ...file, url: at(`./${name.replace(".", `-${file.sha256.slice(0, 16)}.`)}`) }]; // as builder/bundle/assets.py names it
};

// A worker from a blob inherits the page's content security policy; one loaded by URL would not.
function spawn() {
  if (typeof WebAssembly !== "object") {
    return become("broken", { message: "This browser has no WebAssembly, so Python can't run here." });
  }
  become("booting", { phase: "start", loaded: 0, total: 0 });
  const source = new Blob([`import ${JSON.stringify(at(WORKER))};`], { type: "text/javascript" });
  const url = URL.createObjectURL(source);
  worker = new Worker(url, { type: "module" });
  worker.onmessage = ({ data }) => hear(data, url);
  worker.onerror = (event) => {
    event.preventDefault();
    fail(event.message || "the worker's script could not be loaded");
  };
  const absolute = (file) => ({ ...file, url: at(file.url) });
  worker.postMessage({
    boot: {
      base: at(RUNTIME.base),
      files: RUNTIME.files,
      extraArchives: RUNTIME.archives.map(absolute),
      data: Object.fromEntries(Object.entries(RUNTIME.data).map(dataFile)),
      module: wasm,
      again: failedBoots,
      iPad: navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1, // it calls itself a Mac
    },
  });
  silence = 0;
  pinged = false;
  watchdog = setInterval(look, TICK);
}

function hear(message, url) {
  silence = 0;
  pinged = false;
  if (message.status === "booting") return become("booting", message);
  if (message.status === "broken") return fail(message.message);
  if (message.status === "ready") {
    URL.revokeObjectURL(url);
    wasm = message.module;
    for (const edit of activeEdits()) worker.postMessage({ id: 0, ...edit, guard: guard() });
    become("ready");
    return flush();
  }
  if (message.reaches) return reaching.add(message.reaches);
  if (message.printed !== undefined) return printListeners.forEach((listener) => listener(message.printed));
  const request = requests.get(message.began ?? message.id);
  if (!request) return; // a pong, or an answer that nobody waits for any more
  if (message.began) return watch(message.began);
  if (message.progress) return request.onProgress?.(reviveViews(message.views));
  if (message.kind === "fatal") return fail(message.message);
  answered(message, request);
}

function answered(message, request) {
  clearTimeout(ending); // Python does one thing at a time: the reader's code is not running
  requests.delete(message.id);
  failures = 0;
  if (message.kind === "deadline") {
    deactivateEdits(message.message);
    ask({ unedit: "" });
  }
  if (message.ok) request.resolve(message.views ? reviveViews(message.views) : message.verdict);
  else request.reject(message);
  if (message.heap > HEAP || message.verdict?.marked) replaceWorker();
  else setTimeout(() => status === "ready" && isSpoilt() && replaceWorker()); // first, who waited may ask again
}

// Whether code has run here that could change what outlives it, and is in use no more.
function isSpoilt() {
  const used = new Set([...activeEdits(), ...[...requests.values()].map(({ message }) => message)].map(({ code }) => code));
  return [...reaching].some((code) => !used.has(code));
}

// The reader's own code has begun to run: it is interrupted by the worker itself, or else ended from here.
function watch(id) {
  begun = id;
  clearTimeout(ending);
  ending = setTimeout(() => endHard(id, `Stopped after ${DEADLINE / 1000} s: it did not end by itself.`), DEADLINE + GRACE);
}

function guard() {
  token ??= URL.createObjectURL(new Blob(["go on"]));
  return { deadline: DEADLINE, token };
}

/** Stop the reader's own code, whatever runs beside it: gently first, then by ending the worker. */
export function stopPython() {
  const [id, request] = [...requests].find(([, { message }]) => message.code) ?? [];
  if (!request?.sent) return cancel(id);
  URL.revokeObjectURL(token);
  token = undefined;
  setTimeout(() => requests.get(id) === request && endHard(id, "Stopped."), GRACE);
}

function endHard(id, why) {
  requests.get(id)?.reject({ kind: "deadline", message: why });
  requests.delete(id);
  deactivateEdits(why);
  replaceWorker();
}

// A new worker in the place of one that is of no use; what it still owed is asked again.
function replaceWorker() {
  endWorker();
  for (const request of requests.values()) request.sent = false;
  spawn();
}

function endWorker() {
  worker.onmessage = worker.onerror = null; // what it still had to say would be taken for the next one's
  worker.terminate();
  clearInterval(watchdog);
  clearTimeout(ending);
  begun = undefined;
  reaching.clear();
}

function flush() {
  if (isSpoilt()) return replaceWorker();
  for (const [id, request] of requests) {
    if (request.sent) continue;
    request.sent = true;
    const guarded = request.message.code || activeEdits().length;
    worker.postMessage({ id, ...request.message, ...(guarded && { guard: guard() }) });
  }
}

function ask(message, onProgress) {
  const id = ++lastId;
  const done = new Promise((resolve, reject) => requests.set(id, { message, resolve, reject, onProgress }));
  if (status === "broken") giveUp();
  else if (status === "ready") {
    if (![...requests.values()].some((other) => other.sent)) silence = 0; // patience counts from this request
    flush();
  } else startPython();
  return { done, cancel: (keep) => cancel(id, keep) };
}

/** Ask for a demo's views. `done` rejects with {kind, message, traceback}; `cancel` stops a generator, `cancel(true)` so
    that `goOnPython` can take it up where it was. */
export const callPython = (call, args, onProgress) => ask({ call, args }, onProgress);
export const goOnPython = (call, args, onProgress) => ask({ call, args, goOn: true }, onProgress);

/** Put the reader's code in the place of a function, or ours back; resolves to {message, line}. */
export const editPython = (target, code) => ask({ edit: target, code }).done;
export const uneditPython = (target) => ask({ unedit: target }).done;

/** Judge the reader's answer to an exercise; resolves to {passed, message, line}. */
export const checkPython = (name, code, seed) => ask({ check: name, code, seed }).done;

function cancel(id, keep = false) {
  const request = requests.get(id);
  if (!request) return;
  if (request.sent) return worker.postMessage({ cancel: id, keep });
  requests.delete(id);
  request.reject({ kind: "stopped", message: "Stopped." });
}

function look() {
  silence += TICK;
  const waiting = status === "booting" || [...requests.values()].some((request) => request.sent);
  const patience = pinged && !waiting ? PONG : PATIENCE[status];
  if ((waiting || pinged) && silence > patience) {
    fail(status === "booting" ? `nothing arrived for ${PATIENCE.booting / 1000} s` : "it stopped answering");
  } else if (!waiting && !pinged && silence > HEARTBEAT && !document.hidden) {
    silence = 0;
    pinged = true;
    worker.postMessage({ ping: true });
  }
}

// The request that was running when Python died is replayed once; if it kills Python again, or if the reader's own
// code was in it, it is to blame.
function fail(why) {
  failures += 1;
  if (status === "booting") failedBoots += 1;
  const id = requests.has(begun) ? begun : [...requests.keys()].find((each) => requests.get(each).sent);
  const suspect = requests.get(id);
  if (suspect?.suspect || suspect?.message.code || (suspect && activeEdits().length)) {
    requests.delete(id);
    suspect.reject({ kind: "died", message: `Python did not survive this computation (${why}).` });
  } else if (suspect) suspect.suspect = true;
  if (suspect) deactivateEdits(`Python did not survive this code (${why}).`);
  if (failures < MAX_FAILURES) return replaceWorker();
  endWorker();
  become("broken", { message: `Python could not be kept running: ${why}.` });
  giveUp();
}

function giveUp() {
  for (const [id, request] of requests) {
    requests.delete(id);
    request.reject({ kind: "broken", message: detail.message });
  }
}
