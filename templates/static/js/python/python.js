// One Python for the whole tab: starts the worker, passes requests, notices its death, starts it again.
// Knows the worker's protocol; knows neither Pyodide nor what a request means.
//
//   off → booting → ready → (silence or crash) → booting …          at most MAX_FAILURES in a row
//                 ↘ broken: says why, until retry()
//
// The state stands on <html data-python="…">, where CSS and the tests read it.
import { arrived, download, heard, nameOf } from "../net/file.js";
import { explained } from "../net/updated.js";
import { reviveViews } from "./arrays.js";
import { activeEdits, deactivateEdits } from "./edits.js";

const MAX_FAILURES = 3;
const MAX_BOOTS = 2; // starts that fail in a row: the second trusts no cache, a third would fetch the same again
const TICK = 250; // ms between two looks of the watchdog
const PATIENCE = { booting: 20_000, ready: 8_000 }; // ms of silence before the worker counts as dead
const STALLED = 6_000; // ms without a byte before the reader is told which files are missing, and may Retry
const HEARTBEAT = 4_000; // ms of idleness before a ping
const PONG = 2_000; // ms in which a worker that computes nothing takes a request, or answers a ping
const DEADLINE = 1_500; // ms for the reader's own code; then Python is interrupted,
const GRACE = 500; // and after these the worker is ended
const HEAP = 1e9; // bytes: a worker that has grown so far is replaced, since its memory never shrinks

/* global WORKER, RUNTIME */ // defined by builder/bundle/assets.py: hashed paths and sizes, decoded
const at = (path) => new URL(path, import.meta.url).href;

const listeners = new Set();
const printListeners = new Set();
const requests = new Map(); // id → {message, resolve, reject, onProgress, sent, taken, suspect}
let worker = null;
let port; // to the worker
let wasm; // the compiled module: a restart need not compile again
let status = "off";
let detail = {};
let failures = 0;
let failedBoots = 0; // after one, nothing that the browser has cached is trusted
let soiled = false; // the reader's own code has run in this worker, and may have left something behind
let came; // bytes that the page had fetched when the watchdog last looked
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

/** After a failed start, or in the midst of one that does not get on: the network is asked anew. */
export function retryPython() {
  if (status === "booting" && detail.trouble) {
    failedBoots += 1;
    replaceWorker();
  } else if (status === "broken") {
    failures = 0;
    spawn();
  }
}

const NEEDS = { WebAssembly: "WebAssembly", Worker: "background threads (Worker)", MessageChannel: "MessageChannel", ReadableStream: "ReadableStream" };

function spawn() {
  const lacking = Object.keys(NEEDS).find((name) => typeof globalThis[name] === "undefined");
  if (lacking) return unable(`This browser has no ${NEEDS[lacking]}, so Python can't run here. Another browser may have it.`);
  become("booting", { phase: "Starting Python", loaded: 0, total: 0, missing: [nameOf(at(WORKER.url))] });
  try {
    start();
  } catch (error) {
    return unable(`This browser refuses to start Python's thread (${error.message}). Another browser, or another setting, may allow it.`);
  }
  silence = 0;
  pinged = false;
  watchdog = setInterval(look, TICK);
}

function unable(message) {
  become("broken", { message });
  giveUp();
}

// A worker from a blob inherits the page's content security policy; one loaded by URL would not.
function start() {
  const script = failedBoots ? `${at(WORKER.url)}?${Date.now()}` : at(WORKER.url); // past every cache, also that of an earlier visit
  const source = new Blob([`import ${JSON.stringify(script)};`], { type: "text/javascript" });
  const url = URL.createObjectURL(source);
  worker = new Worker(url, { type: "module" });
  const channel = new MessageChannel();
  port = channel.port1;
  worker.onmessage = ({ data }) => hearBoot(data, url);
  worker.onerror = async (event) => {
    event.preventDefault();
    const refused = event.message || "the browser does not run it as a thread: another browser, or another setting, may";
    if (status !== "booting") fail(refused);
    else failBoot(await whyNot(WORKER, refused));
  };
  const far = failedBoots ? "" : RUNTIME.elsewhere; // what could not be had there lies here, too
  const from = (path) => (far ? new URL(path, `${far}static/`).href : at(path));
  const data = ([name, file]) => [name, { ...file, url: from(file.url), here: at(file.url) }];
  const boot = {
    base: from(RUNTIME.base),
    files: RUNTIME.files,
    extraArchives: RUNTIME.archives.map((file) => ({ ...file, url: at(file.url) })),
    data: Object.fromEntries(Object.entries(RUNTIME.data).map(data)),
    module: wasm,
    again: failedBoots,
    iPad: navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1, // it calls itself a Mac
  };
  worker.postMessage({ boot }, [channel.port2]);
}

// The browser does not tell why a worker's script could not be had. To ask for it also mends the cache.
async function whyNot({ url, bytes }, refused) {
  const from = worker;
  const problem = await download({ url: at(url), bytes }, { again: true, script: true }).catch((error) => error);
  if (from !== worker) return null; // another start is under way
  return problem instanceof Error ? problem : new Error(`${nameOf(at(url))}: ${refused}`);
}

// Until Python is there; from then on only what comes by the port is the worker's own word.
function hearBoot(message, url) {
  silence = 0;
  if (message.missing?.length) heard(); // bytes for the worker are life on the line for the page, too
  if (message.status === "booting") return become("booting", message);
  if (message.status === "broken") return failBoot(Object.assign(new Error(message.message), { file: message.file }));
  worker.onmessage = null;
  URL.revokeObjectURL(url);
  wasm = message.module;
  port.onmessage = ({ data }) => hear(data);
  failedBoots = 0;
  soiled = activeEdits().length > 0;
  for (const edit of activeEdits()) port.postMessage({ id: 0, ...ownTopic(), ...edit, guard: guard() });
  become("ready");
  flush();
}

// One more start, past every cache, then the reader is told.
async function failBoot(problem) {
  if (!problem) return;
  failedBoots += 1;
  if (failedBoots % MAX_BOOTS) return replaceWorker();
  endWorker();
  const from = worker;
  const { message, updated } = await explained(problem);
  if (worker !== from) return; // the reader has not waited
  become("broken", { message: updated ? message : `Python could not be started. ${message}.`, updated });
  giveUp();
}

function hear(message) {
  silence = 0;
  pinged = false;
  if (message.reaches) return reaching.add(message.reaches);
  if (message.printed !== undefined) return printListeners.forEach((listener) => listener(message.printed));
  const request = requests.get(message.began ?? message.taken ?? message.id);
  if (!request) return; // a pong, or an answer that nobody waits for any more
  if (message.taken) request.taken = true;
  else if (message.began) watch(message.began);
  else if (message.progress) request.onProgress?.(reviveViews(message.views));
  else if (message.kind === "fatal") fail(message.message);
  else answered(message, request);
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
  else if (message.file) explained(message).then((told) => request.reject({ ...message, ...told }));
  else request.reject(message);
  if (message.heap > HEAP || message.verdict?.marked) return replaceWorker();
  if (soiled) ping(); // what that code has left behind may have ended the worker, or hang
  setTimeout(() => status === "ready" && isSpoilt() && replaceWorker()); // first, who waited may ask again
}

// Whether code has run here that could change what outlives it, and is in use no more.
function isSpoilt() {
  const used = new Set([...activeEdits(), ...[...requests.values()].map(({ message }) => message)].map(({ code }) => code));
  return [...reaching].some((code) => !used.has(code));
}

// The reader's own code has begun to run: it is interrupted by the worker itself, or else ended from here.
function watch(id) {
  begun = id;
  soiled = true;
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
  for (const request of requests.values()) request.sent = request.taken = false;
  spawn();
}

function endWorker() {
  worker.onmessage = worker.onerror = null; // what it still had to say would be taken for the next one's
  port.close();
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
    port.postMessage({ id, ...ownTopic(), ...request.message, ...(guarded && { guard: guard() }) });
  }
}

// The page says where the Python of its topic lies: only what all topics share is there from the start.
function ownTopic() {
  const { topic, bytes } = document.querySelector("main")?.dataset ?? {};
  return topic && { topic: { url: new URL(topic, document.baseURI).href, bytes: Number(bytes) } };
}

function ask(message, onProgress) {
  const id = ++lastId;
  const done = new Promise((resolve, reject) => requests.set(id, { message, resolve, reject, onProgress }));
  if (status === "broken") giveUp();
  else if (status === "ready") {
    if (![...requests.values()].some((other) => other.sent) && !pinged) silence = 0; // patience counts from this request
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
  if (request.sent) return port.postMessage({ cancel: id, keep });
  requests.delete(id);
  request.reject({ kind: "stopped", message: "Stopped." });
}

function look() {
  silence += TICK;
  if (arrived !== came) silence = 0; // the page's own downloads: the line is alive
  came = arrived;
  if (status === "booting") lookAtBoot();
  else lookAtWork();
}

function lookAtBoot() {
  const { missing = [], trouble } = detail;
  if (silence > PATIENCE.booting) failBoot(new Error(`Nothing was heard of ${missing.join(", ") || "it"} for ${PATIENCE.booting / 1000} s`));
  else if (silence > STALLED && missing.length && !trouble) {
    become("booting", { ...detail, trouble: `Nothing has arrived for ${STALLED / 1000} s: ${missing.join(", ")}. Retry asks anew.` });
  }
}

function lookAtWork() {
  const sent = [...requests.values()].filter((request) => request.sent);
  const computes = sent.some((request) => request.taken);
  const waiting = pinged || sent.length > 0;
  if (waiting && silence > (computes ? PATIENCE.ready : PONG)) fail("it stopped answering");
  else if (!waiting && silence > HEARTBEAT && !document.hidden) ping();
}

function ping() {
  silence = 0;
  pinged = true;
  port.postMessage({ ping: true });
}

// Who is to blame? The request in which the reader's own code ran; then whatever that code has left behind, and no
// request; else the request that was running: it is replayed once, and if it kills Python again, it is that.
function fail(why) {
  if (!soiled) failures += 1;
  const id = requests.has(begun) ? begun : [...requests.keys()].find((each) => requests.get(each).taken);
  const suspect = requests.get(id);
  if (suspect?.suspect || (id === begun && (suspect?.message.code || activeEdits().length))) {
    requests.delete(id);
    suspect.reject({ kind: "died", message: `Python did not survive this computation (${why}).` });
  } else if (suspect && !soiled) suspect.suspect = true;
  deactivateEdits(`Python did not survive this code (${why}).`);
  if (failures < MAX_FAILURES) return replaceWorker();
  endWorker();
  become("broken", { message: `Python could not be kept running: ${why}.` });
  giveUp();
}

function giveUp() {
  for (const [id, request] of requests) {
    requests.delete(id);
    request.reject({ kind: "broken", message: detail.message, updated: detail.updated });
  }
}
