/* Starts Pyodide with numpy, inside a worker. Knows nothing of topics, of pages, or of messages.

   All downloads start at once. loadPyodide is handed what it would have fetched itself, because its own downloads
   fail silently and it then never settles: here every failure rejects and names the file and the cause. */

const WASM = "pyodide.asm.wasm";
const STDLIB = "python_stdlib.zip";
const LOCK = "pyodide-lock.json";
const SITE_PACKAGES = "/lib/python3.12/site-packages";
const WARM_UP = "numpy.random.default_rng(0).normal(size=2)"; // numpy.random is imported by its first use: 0.1 s

/* base           absolute URL of the pack directory, with its final slash
   files          {name: bytes} of the pack, decoded
   module         the WebAssembly.Module that an earlier boot returned: a restart then downloads none
   extraArchives  [{url, bytes, directory}]: zips to unpack into directories that go on sys.path
   iPad           true where the page sees an iPad that calls itself a Mac (MacIntel with several touch points)
   again          how often the boot has failed before: no cached file is trusted then
   report         (phase, loaded, total): "download" in bytes, then "numpy", "random" and "ready"
   returns        {pyodide, module} */
export async function boot(options) {
  const { base, files, module, extraArchives = [], iPad = false, again = 0, report = () => {} } = options;
  if (iPad) Object.defineProperty(navigator, "platform", { value: "iPad", configurable: true }); // or it crashes
  const wheel = Object.keys(files).find((name) => name.endsWith(".whl"));
  const archives = [{ url: base + wheel, bytes: files[wheel], directory: SITE_PACKAGES }, ...extraArchives];
  const progress = progressOf(module ? { ...files, [WASM]: 0 } : files, extraArchives, again, report);
  const get = (name) => download(base + name, files[name], progress);
  const load = (name) => importScript(base + name, files[name], progress);

  const compiled = module ? Promise.resolve(module) : compile(base + WASM, files[WASM], progress);
  const stdlib = get(STDLIB);
  const lock = get(LOCK);
  const unpackers = archives.map(({ url, bytes }) => download(url, bytes, progress));
  const scripts = Promise.all([load("pyodide.mjs"), load("pyodide.asm.js")]); // the second is found in place
  const started = scripts.then(([{ loadPyodide }]) => start(loadPyodide, base, { stdlib, lock, compiled }));

  const everything = Promise.all([started, compiled, stdlib, lock, ...unpackers]);
  const [pyodide] = await Promise.race([everything, progress.failure]);
  progress.enter("numpy");
  for (const [i, { url, directory }] of archives.entries()) unpack(pyodide, url, await unpackers[i], directory);
  pyodide.runPython("import numpy");
  progress.enter("random");
  pyodide.runPython(WARM_UP);
  progress.enter("ready");
  return { pyodide, module: await compiled };
}

const nameOf = (url) => url.split("/").pop();
const wrong = (url, cause) => new Error(`${nameOf(url)}: ${cause}`);

function progressOf(files, extraArchives, again, report) {
  const sizes = [...Object.values(files), ...extraArchives.map(({ bytes }) => bytes)];
  const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
  let loaded = 0;
  let fail;
  const failure = new Promise((_, reject) => (fail = reject));
  return {
    add: (bytes) => report("download", (loaded += bytes), total),
    enter: (phase) => report(phase, loaded, total),
    failure,
    fail,
    again,
  };
}

async function download(url, size, progress) {
  const response = await open(url, size, progress);
  return new Uint8Array(await response.arrayBuffer());
}

async function compile(url, size, progress) {
  const response = await open(url, size, progress);
  return WebAssembly.compileStreaming(response).catch((error) => {
    throw wrong(url, error.message);
  });
}

/* A response that counts its bytes. Browsers differ in what they make of a body that breaks off, so that its own
   error goes past them, through progress.fail. */
async function open(url, size, progress) {
  const reader = (await request(url, progress)).body.getReader();
  let loaded = 0;
  const pull = async (controller) => {
    const { done, value } = await reader.read();
    if (done && loaded !== size) throw new Error("the connection closed");
    if (done) return controller.close();
    loaded += value.length;
    progress.add(value.length);
    controller.enqueue(value);
  };
  const explain = (error) => {
    progress.fail(wrong(url, `broken off after ${loaded} of ${size} bytes (${error.message})`));
    throw error;
  };
  const body = new ReadableStream({ pull: (controller) => pull(controller).catch(explain) });
  // Any static server will do: what type it calls the file matters less than what the bytes say.
  return new Response(body, { headers: { "content-type": "application/wasm" } });
}

async function request(url, { again }) {
  const response = await fetch(url, { cache: again ? "reload" : "default" }).catch((error) => {
    throw wrong(url, `no answer (${error.message})`);
  });
  if (!response.ok) throw wrong(url, `HTTP ${response.status}`);
  if (response.headers.get("content-type")?.startsWith("text/html")) throw wrong(url, "a web page came in its place");
  return response;
}

async function importScript(url, size, progress) {
  const script = await import(progress.again ? `${url}?again=${progress.again}` : url).catch(async (error) => {
    await request(url, progress); // import() does not tell the HTTP status
    throw wrong(url, error.message);
  });
  progress.add(size);
  return script;
}

/* loadPyodide on parts that may still be on their way. It swallows a failed instantiation and waits for ever:
   so that error is passed on past it. */
async function start(loadPyodide, base, { stdlib, lock, compiled }) {
  const { fetch } = self;
  const { instantiateStreaming } = WebAssembly;
  const parts = { [base + STDLIB]: stdlib, [base + LOCK]: lock, [base + WASM]: null };
  self.fetch = async (url, options) => (url in parts ? new Response(await parts[url]) : fetch(url, options));
  try {
    return await new Promise((resolve, reject) => {
      WebAssembly.instantiateStreaming = (_, imports) =>
        instantiate(compiled, imports).catch((error) => {
          reject(wrong(base + WASM, error.message));
          throw error;
        });
      loadPyodide({ indexURL: base }).then(resolve, (error) => {
        reject(new Error(`Python does not start: ${error.message}`));
      });
    });
  } finally {
    self.fetch = fetch;
    WebAssembly.instantiateStreaming = instantiateStreaming;
  }
}

async function instantiate(compiled, imports) {
  const module = await compiled;
  return { module, instance: await WebAssembly.instantiate(module, imports) };
}

function unpack(pyodide, url, bytes, directory) {
  try {
    pyodide.unpackArchive(bytes, "zip", { extractDir: directory });
  } catch (error) {
    throw wrong(url, `can't be unpacked (${error.message.trim().split("\n").pop()})`);
  }
  const { path } = pyodide.pyimport("sys");
  if (!path.includes(directory)) path.append(directory);
}
