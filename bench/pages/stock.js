/* Worker: Pyodide as its manual shows it, until numpy answers. */
import { loadPyodide } from "../stock/pyodide.mjs";

const DRAW = "import numpy; numpy.random.default_rng(0).normal(size=3).tolist()";

const pyodide = await loadPyodide({ indexURL: new URL("../stock/", import.meta.url).href });
await pyodide.loadPackage("numpy");
pyodide.runPython("import numpy");
self.postMessage({ imported: true });
self.postMessage({ answer: pyodide.runPython(DRAW).toJs() });
