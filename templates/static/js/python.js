// One Python for the whole tab: starts the worker, passes calls, notices its death, starts it again.
// Knows the worker's protocol; knows neither Pyodide nor what a call means.
//
//   off → booting → ready → (silence or crash) → booting …          at most MAX_FAILURES in a row
//                 ↘ broken: says why, until retry()
//
// The state stands on <html data-python="…">, where CSS and the tests read it.
import { reviveViews } from "./arrays.js";

const MAX_FAILURES = 3;
const TICK = 250; // ms between two looks of the watchdog
const PATIENCE = { booting: 20_000, ready: 8_000 }; // ms of silence before the worker counts as dead
const HEARTBEAT = 4_000; // ms of idleness before a ping
const PONG = 2_000; // ms of silence after a ping to an idle worker

/* global WORKER, RUNTIME */ // defined by builder/assets.py: hashed paths and sizes
const at = (path) => new URL(path, import.meta.url).href;

const listeners = new Set();
const calls = new Map(); // id → {call, args, resolve, reject, onProgress, sent, suspect}
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

export const pythonStatus = () => ({ status, ...detail });

export function onPython(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

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

// A worker from a blob inherits the page's content security policy; one loaded by URL would not.
function spawn() {
  if (typeof WebAssembly !== "object") {
    return become("broken", { message: "This browser has no WebAssembly, so Python can't run here." });
  }
  become("booting", { phase: "Starting Python", loaded: 0, total: 0 });
  const source = new Blob([`import ${JSON.stringify(at(WORKER))};`], { type: "text/javascript" });
  const url = URL.createObjectURL(source);
  worker = new Worker(url, { type: "module" });
  worker.onmessage = ({ data }) => hear(data, url);
  worker.onerror = (event) => {
    event.preventDefault();
    fail(event.message || "the worker's script could not be loaded");
  };
  const absolute = (archive) => ({ ...archive, url: at(archive.url) });
  worker.postMessage({
    boot: {
      base: at(RUNTIME.base),
      files: RUNTIME.files,
      extraArchives: RUNTIME.archives.map(absolute),
      module: wasm,
      again: failedBoots,
      iPad: navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1, // it calls itself a Mac
    },
  });
  silence = 0;
  pinged = false;
  clearInterval(watchdog);
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
    become("ready");
    return flush();
  }
  const call = calls.get(message.id);
  if (!call) return; // a pong, or an answer that nobody waits for any more
  if (message.progress) return call.onProgress?.(reviveViews(message.views));
  if (message.kind === "fatal") return fail(message.message);
  calls.delete(message.id);
  if (message.ok) {
    failures = 0;
    call.resolve(reviveViews(message.views));
  } else call.reject(message);
}

function flush() {
  for (const [id, call] of calls) {
    if (call.sent) continue;
    call.sent = true;
    worker.postMessage({ id, call: call.call, args: call.args });
  }
}

/** Ask Python for a demo's views. `done` rejects with {kind, message, traceback}; `cancel` stops a generator. */
export function callPython(call, args, onProgress) {
  const id = ++lastId;
  const done = new Promise((resolve, reject) => calls.set(id, { call, args, resolve, reject, onProgress }));
  if (status === "broken") giveUp();
  else if (status === "ready") {
    if (![...calls.values()].some((other) => other.sent)) silence = 0; // patience counts from this call
    flush();
  } else startPython();
  return { done, cancel: () => cancel(id) };
}

function cancel(id) {
  const call = calls.get(id);
  if (!call) return;
  if (call.sent) return worker.postMessage({ cancel: id });
  calls.delete(id);
  call.reject({ kind: "stopped", message: "Stopped." });
}

function look() {
  silence += TICK;
  const waiting = status === "booting" || [...calls.values()].some((call) => call.sent);
  const patience = pinged && !waiting ? PONG : PATIENCE[status];
  if ((waiting || pinged) && silence > patience) {
    fail(status === "booting" ? `nothing arrived for ${PATIENCE.booting / 1000} s` : "it stopped answering");
  } else if (!waiting && !pinged && silence > HEARTBEAT && !document.hidden) {
    silence = 0;
    pinged = true;
    worker.postMessage({ ping: true });
  }
}

// The call that was running when Python died is replayed once; if it kills Python again, it is to blame.
function fail(why) {
  worker.terminate();
  clearInterval(watchdog);
  failures += 1;
  if (status === "booting") failedBoots += 1;
  const suspect = [...calls].find(([, call]) => call.sent);
  for (const call of calls.values()) call.sent = false;
  if (suspect?.[1].suspect) {
    calls.delete(suspect[0]);
    suspect[1].reject({ kind: "died", message: `Python did not survive this computation (${why}).` });
  } else if (suspect) suspect[1].suspect = true;
  if (failures >= MAX_FAILURES) {
    become("broken", { message: `Python could not be kept running: ${why}.` });
    giveUp();
  } else spawn();
}

function giveUp() {
  for (const [id, call] of calls) {
    calls.delete(id);
    call.reject({ kind: "broken", message: detail.message });
  }
}
