// The only file that knows Pyodide exists (with boot.js, which starts it, and guard.js, which interrupts it).
// Knows no topic and no page.
//
//   The first message, {boot: {…}}, brings a port; until Python is there the worker answers by its own postMessage, all
//   else goes by the port, which the reader's code, once it runs, can't reach.
//
//   page → worker   {id, call: "kv_cache.calculator", args, guard}   {cancel: id, keep}   {ping}
//                   {id, call, goOn: true}: a call that was cancelled to be kept
//                   {id, edit: "topics.kit.numerics.softmax", code, guard}   {id, unedit: target or ""}
//                   {id, check: "kv_cache.grow", code, seed, guard}
//   worker → page   {status: "booting" | "ready" | "broken", phase, loaded, total, missing, message, file}
//                   {reaches: code}: said before code runs that could change what outlives it
//                   {taken: id}   {id, progress: true, views}   {id, ok: true, views or verdict, heap}
//                   {id, ok: false, kind, message, traceback, heap}
//                   {began: id}   {printed: text}   {pong}
//
// Each request may carry `topic`, {url, bytes}: the zip of the topic's own Python.
// `views` is {json, bytes}: arrays stand in the JSON as {$array, offset, shape} into the bytes.
// `guard` is {deadline, token} where the reader's own code may run: it may never end.
import { download, twice } from "../net/file.js";
import { boot, unpack as unpackArchive } from "./boot.js";
import { fetchData } from "./data.js";
import { guarded, guardWith, wasInterrupted } from "./guard.js";

const PRINTED = { lines: 200, characters: 20_000 }; // of one call: a flood of prints must not drown the page
const TOLD = { message: 2_000, traceback: 20_000 }; // characters of an error, likewise
const SHOWN = 4e6; // characters of an answer's JSON, arrays not counted: more would freeze the page
const HOME = "/home/pyodide"; // topics/ lies in it

let post; // postMessage of the port
let bridge; // topics.kit.page.bridge
let toPython; // a Uint8Array as Python's memoryview
let memory; // how many bytes Python's heap has
let printed;
let flush; // Python's own buffers
let tail = ""; // what was printed of a line that has not ended
let data; // {name: {url, bytes, sha256}} of the files that a demo may need
let putTopic; // puts a topic's own Python where Python finds it
const cancelled = new Map(); // id → whether the run is kept
const kept = new Map(); // call → {steps, views} of a run that was stopped, and may go on
let edited; // the guard, while the reader's own code stands in the place of ours: a run that began before meets it, too

self.onmessage = ({ data, ports: [port] }) => {
  self.onmessage = null;
  post = port.postMessage.bind(port); // as it is now: what the prototypes hold can be changed later
  port.onmessage = ({ data }) => receive(data);
  start(data.boot);
};

function receive(data) {
  if (data.ping) pong(data.ping);
  else if (data.cancel) cancelled.set(data.cancel, data.keep);
  else answer(data);
}

async function start(options) {
  const report = (phase, loaded, total, missing) => postMessage({ status: "booting", phase, loaded, total, missing });
  try {
    const { pyodide, module } = await boot({ ...options, report });
    const write = { write: hear, isatty: true };
    pyodide.setStdout(write);
    pyodide.setStderr(write);
    const { stdout, stderr } = pyodide.pyimport("sys");
    flush = () => [stdout, stderr].forEach((stream) => stream.flush());
    guardWith(pyodide);
    data = options.data;
    putTopic = (url, bytes) => unpackArchive(pyodide, url, bytes, HOME);
    toPython = (bytes) => pyodide.toPy(bytes);
    memory = () => pyodide._module.HEAPU8.length;
    bridge = pyodide.pyimport("topics.kit.page.bridge");
    postMessage({ status: "ready", module });
  } catch (error) {
    postMessage({ status: "broken", message: capped(error.message, TOLD.message), file: error.file });
  }
}

// Through Python, not around it: a dead interpreter in a living worker must not look alive.
function pong(ping) {
  if (bridge.__name__) post({ pong: ping });
}

const decoder = new TextDecoder();

function hear(bytes) {
  const lines = (tail + decoder.decode(bytes, { stream: true })).split("\n");
  tail = lines.pop();
  lines.forEach(print);
  return bytes.length;
}

// What a run printed is said before its answer: a line without an end would come with the next run's.
function endOutput() {
  flush();
  if (tail) print(tail);
  tail = "";
}

function print(text) {
  printed.lines += 1;
  printed.characters += text.length;
  const within = printed.lines <= PRINTED.lines && printed.characters <= PRINTED.characters;
  if (within) post({ printed: text });
  else if (!printed.capped) {
    printed.capped = true;
    post({ printed: "… and more, not shown." });
  }
}

async function answer(message) {
  const { id } = message;
  printed = { lines: 0, characters: 0 };
  post({ taken: id });
  try {
    const result = await work(message).finally(endOutput);
    send({ id, ok: true, ...result, heap: memory() });
  } catch (error) {
    post({ id, ok: false, ...explain(error), heap: memory() });
  } finally {
    cancelled.delete(id);
  }
}

async function work({ id, topic, call, args, goOn, edit, unedit, check, code, seed, guard }) {
  if (edit || unedit !== undefined) edited = guard;
  const run = (task) => {
    const by = guard ?? edited;
    if (by) post({ began: id });
    return by ? guarded(by, task) : task();
  };
  if (topic) await haveTopic(topic);
  const reaches = code ? bridge.reach(edit ?? check, code) : 0;
  if (reaches) post({ reaches: code });
  if (edit) return { verdict: { ...verdict(run(() => bridge.edit(edit, code))), reaches } };
  if (check) return { verdict: verdict(run(() => bridge.check(check, code, seed))) };
  if (unedit !== undefined) return { verdict: JSON.parse(bridge.unedit(unedit)) };
  if (goOn && !kept.has(call)) throw LOST;
  if (!goOn) letGo(call);
  for (const name of JSON.parse(bridge.missing(call))) await fetchFile(id, name);
  const begun = kept.get(call);
  if (begun) return { views: await drain(id, call, begun, run) };
  const result = run(() => bridge.run(call, JSON.stringify(args)));
  return { views: result.next ? await drain(id, call, { steps: result }, run) : unpack(result) };
}

function verdict(json) {
  const said = JSON.parse(json);
  return { ...said, message: capped(said.message, TOLD.message) };
}

const fetching = new Map(); // name → promise: two demos that want one file wait for one download

// The Python of the page's own topic, once; what all topics share is there from the start.
async function haveTopic(file) {
  const { url } = file;
  if (!fetching.has(url)) fetching.set(url, twice(async (how) => putTopic(url, await download(file, how))));
  await fetching.get(url).catch((error) => {
    fetching.delete(url);
    throw error;
  });
}

async function fetchFile(id, name) {
  const report = (loaded, total) => {
    const label = `Fetching ${name.endsWith(".safetensors") ? "the model" : name}: ${(loaded / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`;
    const views = { json: JSON.stringify([{ view: "progress", done: loaded, total, label }]), bytes: new Uint8Array() };
    send({ id, progress: true, views });
  };
  const keep = (bytes) => bridge.store(name, toPython(bytes), data[name].sha256);
  if (!fetching.has(name)) fetching.set(name, fetchData(data[name], keep, report).finally(() => fetching.delete(name)));
  await fetching.get(name);
}

// Between two steps of a generator the worker reads its messages: calls of other demos, and Stop.
async function drain(id, call, { steps, views }, run) {
  kept.delete(call);
  try {
    for (let step; !(step = run(() => steps.next())).done; ) {
      if (views) send({ id, progress: true, views });
      views = unpack(step.value);
      await breathe();
      if (!cancelled.has(id)) continue;
      if (cancelled.get(id)) kept.set(call, { steps, views });
      throw STOPPED;
    }
    return views;
  } finally {
    if (!kept.has(call)) steps.destroy(); // closes the generator
  }
}

function letGo(call) {
  kept.get(call)?.steps.destroy();
  kept.delete(call);
}

const EXITED = /^Pyodide already (exited|fatally failed)/; // os._exit says nothing; the next call says this
const STOPPED = { kind: "stopped", message: "Stopped." };
const LOST = { kind: "lost", message: "This run can't go on: Python was started anew since. Retry runs it from the beginning." };

const channel = new MessageChannel(); // setTimeout would wait 4 ms each time
const breathe = () =>
  new Promise((resolve) => {
    channel.port1.onmessage = resolve;
    channel.port2.postMessage(null);
  });

function unpack(packed) {
  const [json, bytes] = packed.toJs();
  packed.destroy();
  if (json.length > SHOWN) throw new Error(`ValueError: the answer is too large to be shown: ${(json.length / 1e6).toFixed(1)} million characters`);
  return { json, bytes };
}

const send = (message) => post(message, message.views ? [message.views.bytes.buffer] : []);
const capped = (text, most) => (text.length > most ? `${text.slice(0, most)} … and ${text.length - most} characters more` : text);

// A Python traceback ends with "ValueError: why"; the frames above the topic are Pyodide's and ours.
function explain(error) {
  if (error === STOPPED || error === LOST) return error;
  if (error.pyodide_fatal_error || EXITED.test(error.message)) return { kind: "fatal", message: "Python crashed" };
  if (error.file) return { kind: "file", message: error.message, file: error.file };
  const lines = String(error.message).trimEnd().split("\n");
  const frames = lines.findLastIndex((line) => line.startsWith('  File "'));
  const named = new RegExp(`^([\\w.]+\\.)?${error.type}(:|$)`);
  const last = lines.findIndex((line, i) => i > frames && named.test(line)); // a message may have several lines
  const message = lines.slice(last).join("\n");
  if (wasInterrupted() && message.startsWith("KeyboardInterrupt")) return { kind: "deadline", message: "Stopped: it took too long." };
  const first = lines.findIndex((line) => /File "(.*\/topics\/(?!kit\/page\/)|<edited )/.test(line));
  return {
    kind: "python",
    message: capped(message, TOLD.message),
    traceback: capped(lines.slice(Math.max(first, 0)).join("\n"), TOLD.traceback),
  };
}
