/* Starts Pyodide with numpy, inside a worker. Knows nothing of topics, of pages, or of messages.

   All downloads start at once. loadPyodide is handed what it would have fetched itself, because its own downloads
   fail silently and it then never settles: here every failure rejects and names the file and the cause. Silence is
   judged by the page, which knows what else it is fetching. */
import { download, importFile, nameOf, openFile, wrong } from "../net/file.js";

const SCRIPTS = ["pyodide.js", "pyodide.asm.js"]; // the second is found in place
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
   report         (phase, loaded, total, missing): "download" in bytes, then "numpy", "random" and "ready"; `missing`
                  names the files that have not come yet
   returns        {pyodide, module} */
export async function boot(options) {
  const { base, files, module, extraArchives = [], iPad = false, again = 0, report = () => {} } = options;
  if (iPad) Object.defineProperty(navigator, "platform", { value: "iPad", configurable: true }); // or it crashes
  const wheel = Object.keys(files).find((name) => name.endsWith(".whl"));
  const archives = [{ url: base + wheel, bytes: files[wheel], directory: SITE_PACKAGES }, ...extraArchives];
  const wanted = { ...files, ...(module && { [WASM]: 0 }) };
  const progress = progressOf([...Object.values(wanted), ...extraArchives.map(({ bytes }) => bytes)], report);
  const get = (url, bytes, how = download) => {
    const here = progress.waitFor(nameOf(url));
    const coming = how({ url, bytes }, { again: again > 0, patient: true, onBytes: progress.add, onBroken: progress.fail });
    return coming.finally(here);
  };
  const own = (name, how) => get(base + name, files[name], how);

  const compiled = module ? Promise.resolve(module) : own(WASM, compile);
  const stdlib = own(STDLIB);
  const lock = own(LOCK);
  const unpackers = archives.map(({ url, bytes }) => get(url, bytes));
  const scripts = Promise.all(SCRIPTS.map((name) => own(name, importFile)));
  progress.add(0); // what is missing is known from the start
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

function progressOf(sizes, report) {
  const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const missing = new Set();
  let loaded = 0;
  let fail;
  const failure = new Promise((_, reject) => (fail = reject));
  return {
    waitFor(name) {
      missing.add(name);
      return () => missing.delete(name);
    },
    add: (bytes) => report("download", (loaded += bytes), total, [...missing]),
    enter: (phase) => report(phase, loaded, total, []),
    failure,
    fail,
  };
}

async function compile(file, how) {
  const response = await openFile(file, how);
  return WebAssembly.compileStreaming(response).catch((error) => {
    throw wrong(file.url, error.message);
  });
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

/** Unpack a zip where Python finds it. */
export function unpack(pyodide, url, bytes, directory) {
  try {
    pyodide.unpackArchive(bytes, "zip", { extractDir: directory });
  } catch (error) {
    throw wrong(url, `can't be unpacked (${error.message.trim().split("\n").pop()})`);
  }
  const { path, path_importer_cache: looked } = pyodide.pyimport("sys");
  if (!path.includes(directory)) path.append(directory);
  looked.clear(); // it may have looked there before
}
