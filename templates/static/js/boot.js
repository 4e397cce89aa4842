/* Starts Pyodide with numpy, inside a worker. Knows nothing of topics, of pages, or of messages.

   All downloads start at once. loadPyodide is handed what it would have fetched itself, because its own downloads
   fail silently and it then never settles: here every failure rejects and names the file and the cause. */

const WASM = "pyodide.asm.wasm";
const STDLIB = "python_stdlib.zip";
const LOCK = "pyodide-lock.json";
const SITE_PACKAGES = "/lib/python3.12/site-packages";
const WARM_UP = "import numpy; numpy.random.default_rng(0).normal(size=2)"; // the first generator costs 0.2 s

/* base           absolute URL of the pack directory, with its final slash
   files          {name: bytes} of the pack, decoded
   module         the WebAssembly.Module that an earlier boot returned: a restart then downloads none
   extraArchives  [{url, bytes, directory}]: zips to unpack into directories that go on sys.path
   iPad           true where the page sees an iPad that calls itself a Mac (MacIntel with several touch points)
   report         (phase, loaded, total): "download" in bytes, then "python", "numpy" and "ready"
   returns        {pyodide, module} */
export async function boot({ base, files, module, extraArchives = [], iPad = false, report = () => {} }) {
  if (iPad) Object.defineProperty(navigator, "platform", { value: "iPad", configurable: true }); // or it crashes
  const progress = progressOf(files, extraArchives, module, report);
  const get = (name) => download(base + name, files[name], progress);
  const load = (name) => importScript(base + name, files[name], progress);
  const numpy = Object.keys(files).find((name) => name.endsWith(".whl"));

  const compiled = module ?? compile(base + WASM, files[WASM], progress);
  const parts = { stdlib: get(STDLIB), lock: get(LOCK), compiled };
  const scripts = Promise.all([load("pyodide.mjs"), load("pyodide.asm.js")]);
  const archives = [
    { name: numpy, bytes: get(numpy), directory: SITE_PACKAGES },
    ...extraArchives.map(({ url, bytes, directory }) => ({
      name: nameOf(url),
      bytes: download(url, bytes, progress),
      directory,
    })),
  ];
  const started = scripts.then(([{ loadPyodide }]) => start(loadPyodide, base, parts));

  const downloads = [...Object.values(parts), ...archives.map(({ bytes }) => bytes)];
  const [pyodide] = await Promise.all([started, ...downloads]); // the first failure of any rejects
  progress.enter("numpy");
  for (const { name, bytes, directory } of archives) unpack(pyodide, name, await bytes, directory);
  pyodide.runPython(WARM_UP);
  progress.enter("ready");
  return { pyodide, module: await compiled };
}

const nameOf = (url) => new URL(url).pathname.split("/").pop();

function progressOf(files, extraArchives, module, report) {
  const sizes = { ...files, ...Object.fromEntries(extraArchives.map(({ url, bytes }) => [nameOf(url), bytes])) };
  if (module) delete sizes[WASM];
  const total = Object.values(sizes).reduce((sum, bytes) => sum + bytes, 0);
  let loaded = 0;
  return {
    add: (bytes) => report("download", (loaded += bytes), total),
    enter: (phase) => report(phase, loaded, total),
  };
}

class BootError extends Error {}

const wrong = (url, cause) => new BootError(`${nameOf(url)}: ${cause}`);

async function request(url) {
  const response = await fetch(url).catch((error) => {
    throw wrong(url, `no answer (${error.message})`);
  });
  if (!response.ok) throw wrong(url, `HTTP ${response.status}`);
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("text/html")) throw wrong(url, "a web page came instead of the file");
  return response;
}

async function download(url, size, progress) {
  const response = await request(url);
  const chunks = [];
  const loaded = await count(url, response.body, progress, (chunk) => chunks.push(chunk));
  if (loaded !== size) throw wrong(url, `${loaded} of ${size} bytes came`);
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

async function count(url, stream, progress, keep = () => {}) {
  const reader = stream.getReader();
  let loaded = 0;
  try {
    for (let step; !(step = await reader.read()).done; keep(step.value)) {
      loaded += step.value.length;
      progress.add(step.value.length);
    }
  } catch (error) {
    throw wrong(url, `broken off after ${loaded} bytes (${error.message})`);
  }
  return loaded;
}

// The response itself is compiled, not a stream made from it: only so can the browser cache the machine code.
async function compile(url, size, progress) {
  const response = await request(url);
  const counted = count(url, response.clone().body, progress);
  const compiled = WebAssembly.compileStreaming(response).catch(async (error) => {
    const loaded = await counted;
    throw wrong(url, loaded === size ? error.message : `${loaded} of ${size} bytes came`);
  });
  return (await Promise.all([compiled, counted]))[0];
}

async function importScript(url, size, progress) {
  try {
    const script = await import(url);
    progress.add(size);
    return script;
  } catch (error) {
    await request(url); // import() doesn't tell the HTTP status
    throw wrong(url, error.message);
  }
}

/* loadPyodide on parts that may still be on their way. It swallows a failed instantiation and waits for ever,
   so that one is passed on past it. */
async function start(loadPyodide, base, { stdlib, lock, compiled }) {
  const { fetch } = self;
  const { instantiateStreaming } = WebAssembly;
  const prepared = { [base + STDLIB]: stdlib, [base + LOCK]: lock, [base + WASM]: null };
  self.fetch = async (url, options) => (url in prepared ? new Response(await prepared[url]) : fetch(url, options));
  try {
    return await new Promise((resolve, reject) => {
      WebAssembly.instantiateStreaming = async (_, imports) => {
        try {
          const module = await compiled;
          return { module, instance: await WebAssembly.instantiate(module, imports) };
        } catch (error) {
          reject(wrong(base + WASM, error.message));
          throw error;
        }
      };
      loadPyodide({ indexURL: base }).then(resolve, reject);
    });
  } finally {
    Object.assign(self, { fetch });
    Object.assign(WebAssembly, { instantiateStreaming });
  }
}

function unpack(pyodide, name, bytes, directory) {
  try {
    pyodide.unpackArchive(bytes, "zip", { extractDir: directory });
  } catch (error) {
    throw wrong(`file:///${name}`, `can't be unpacked (${error.message.trim().split("\n").pop()})`);
  }
  const path = pyodide.runPython("import sys; sys.path");
  if (!path.includes(directory)) path.append(directory);
  path.destroy();
}
