// The only file that knows Pyodide exists (with boot.js, which starts it). Knows no topic and no page.
//
//   page → worker   {boot: {…}}   {id, call: "kv_cache.calculator", args}   {cancel: id}   {ping}
//   worker → page   {status: "booting" | "ready" | "broken", phase, loaded, total, message}
//                   {id, progress: true, views}   {id, ok: true, views}   {id, ok: false, kind, message, traceback}
//                   {pong}
//
// `views` is {json, bytes}: arrays stand in the JSON as {$array, offset, shape} into the bytes.
import { boot } from "./boot.js";

let run; // topics.kit.bridge.run
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
    run = pyodide.pyimport("topics.kit.bridge").run;
    postMessage({ status: "ready", module });
  } catch (error) {
    postMessage({ status: "broken", message: error.message });
  }
}

// Through Python, not around it: a dead interpreter in a living worker must not look alive.
function pong(ping) {
  if (run.__name__ === "run") postMessage({ pong: ping });
}

async function answer({ id, call, args }) {
  try {
    const result = run(call, JSON.stringify(args));
    const views = result.next ? await drain(id, result) : unpack(result);
    if (views) send({ id, ok: true, views });
    else postMessage({ id, ok: false, kind: "stopped", message: "Stopped." });
  } catch (error) {
    postMessage({ id, ok: false, ...explain(error) });
  } finally {
    cancelled.delete(id);
  }
}

// Between two steps of a generator the worker reads its messages: calls of other demos, and Stop.
async function drain(id, steps) {
  let views;
  for (let step; !(step = steps.next()).done; ) {
    if (views) send({ id, progress: true, views });
    views = unpack(step.value);
    await breathe();
    if (cancelled.has(id)) {
      views = null;
      break;
    }
  }
  steps.destroy(); // closes the generator
  return views;
}

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

const send = (message) => postMessage(message, [message.views.bytes.buffer]);

// A Python traceback ends with "ValueError: why"; the frames above the topic are Pyodide's and ours.
function explain(error) {
  if (error.pyodide_fatal_error) return { kind: "fatal", message: `Python crashed: ${error.message}` };
  const lines = String(error.message).trimEnd().split("\n");
  const first = lines.findIndex((line) => /File ".*\/topics\/(?!kit\/(bridge|demo)\.py)/.test(line));
  return {
    kind: "python",
    message: lines.at(-1),
    traceback: lines.slice(Math.max(first, 0)).join("\n"),
  };
}
