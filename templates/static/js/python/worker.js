// The only file that knows Pyodide exists (with boot.js, which starts it, and guard.js, which interrupts it).
// Knows no topic and no page.
//
//   page → worker   {boot: {…}}   {id, call: "kv_cache.calculator", args, guard}   {cancel: id}   {ping}
//                   {id, edit: "topics.kit.numerics.softmax", code, guard}   {id, unedit: target or ""}
//                   {id, check: "kv_cache.grow", code, seed, guard}
//   worker → page   {status: "booting" | "ready" | "broken", phase, loaded, total, message}
//                   {id, progress: true, views}   {id, ok: true, views or verdict, heap}
//                   {id, ok: false, kind, message, traceback, heap}
//                   {began: id}   {printed: text}   {pong}
//
// `views` is {json, bytes}: arrays stand in the JSON as {$array, offset, shape} into the bytes.
// `guard` is {deadline, token} where the reader's own code may run: it may never end.
import { boot } from "./boot.js";
import { fetchData } from "./data.js";
import { guarded, guardWith } from "./guard.js";

const PRINTED = { lines: 200, characters: 20_000 }; // of one call: a flood of prints must not drown the page

let bridge; // topics.kit.page.bridge
let toPython; // a Uint8Array as Python's memoryview
let memory; // how many bytes Python's heap has
let printed;
let data; // {name: {url, bytes, sha256}} of the models that a demo may run
const cancelled = new Set();

self.onmessage = ({ data }) => {
  if (data.boot) start(data.boot);
  else if (data.ping) pong(data.ping);
  else if (data.cancel) cancelled.add(data.cancel);
  else answer(data);
};

async function start(options) {
  const report = (phase, loaded, total) => postMessage({ status: "booting", phase, loaded, total });
  try {
    const { pyodide, module } = await boot({ ...options, report });
    pyodide.setStdout({ batched: print });
    pyodide.setStderr({ batched: print });
    guardWith(pyodide);
    data = options.data;
    toPython = (bytes) => pyodide.toPy(bytes);
    memory = () => pyodide._module.HEAPU8.length;
    bridge = pyodide.pyimport("topics.kit.page.bridge");
    postMessage({ status: "ready", module });
  } catch (error) {
    postMessage({ status: "broken", message: error.message });
  }
}

// Through Python, not around it: a dead interpreter in a living worker must not look alive.
function pong(ping) {
  if (bridge.__name__) postMessage({ pong: ping });
}

function print(text) {
  printed.lines += 1;
  printed.characters += text.length;
  const within = printed.lines <= PRINTED.lines && printed.characters <= PRINTED.characters;
  if (within) postMessage({ printed: text });
  else if (!printed.capped) {
    printed.capped = true;
    postMessage({ printed: "… and more, not shown." });
  }
}

async function answer(message) {
  const { id } = message;
  printed = { lines: 0, characters: 0 };
  try {
    send({ id, ok: true, ...(await work(message)), heap: memory() });
  } catch (error) {
    postMessage({ id, ok: false, ...explain(error), heap: memory() });
  } finally {
    cancelled.delete(id);
  }
}

async function work({ id, call, args, edit, unedit, check, code, seed, guard }) {
  const run = (task) => {
    if (guard) postMessage({ began: id });
    return guard ? guarded(guard, task) : task();
  };
  if (edit) return { verdict: JSON.parse(run(() => bridge.edit(edit, code))) };
  if (check) return { verdict: JSON.parse(run(() => bridge.check(check, code, seed))) };
  if (unedit !== undefined) return { verdict: bridge.unedit(unedit) };
  for (const name of JSON.parse(bridge.missing(call))) await fetchModel(id, name);
  const result = run(() => bridge.run(call, JSON.stringify(args)));
  return { views: result.next ? await drain(id, result, run) : unpack(result) };
}

const fetching = new Map(); // name → promise: two demos that want one model wait for one download

async function fetchModel(id, name) {
  const report = (loaded, total) => {
    const label = `Fetching the model: ${(loaded / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`;
    const views = { json: JSON.stringify([{ view: "progress", done: loaded, total, label }]), bytes: new Uint8Array() };
    send({ id, progress: true, views });
  };
  const keep = (bytes) => bridge.store(name, toPython(bytes), data[name].sha256);
  if (!fetching.has(name)) fetching.set(name, fetchData(data[name], keep, report).finally(() => fetching.delete(name)));
  await fetching.get(name);
}

// Between two steps of a generator the worker reads its messages: calls of other demos, and Stop.
async function drain(id, steps, run) {
  let views;
  try {
    for (let step; !(step = run(() => steps.next())).done; ) {
      if (views) send({ id, progress: true, views });
      views = unpack(step.value);
      await breathe();
      if (cancelled.has(id)) throw STOPPED;
    }
    return views;
  } finally {
    steps.destroy(); // closes the generator
  }
}

const EXITED = /^Pyodide already (exited|fatally failed)/; // os._exit says nothing; the next call says this
const STOPPED = { kind: "stopped", message: "Stopped." };

const channel = new MessageChannel(); // setTimeout would wait 4 ms each time
const breathe = () =>
  new Promise((resolve) => {
    channel.port1.onmessage = resolve;
    channel.port2.postMessage(null);
  });

function unpack(packed) {
  const [json, bytes] = packed.toJs();
  packed.destroy();
  return { json, bytes };
}

const send = (message) => postMessage(message, message.views ? [message.views.bytes.buffer] : []);

// A Python traceback ends with "ValueError: why"; the frames above the topic are Pyodide's and ours.
function explain(error) {
  if (error === STOPPED) return STOPPED;
  if (error.pyodide_fatal_error || EXITED.test(error.message)) return { kind: "fatal", message: "Python crashed" };
  const lines = String(error.message).trimEnd().split("\n");
  if (lines.at(-1).startsWith("KeyboardInterrupt")) return { kind: "deadline", message: "Stopped: it took too long." };
  const first = lines.findIndex((line) => /File "(.*\/topics\/(?!kit\/page\/)|<edited )/.test(line));
  return {
    kind: "python",
    message: lines.at(-1),
    traceback: lines.slice(Math.max(first, 0)).join("\n"),
  };
}
