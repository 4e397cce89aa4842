/* Worker: our pack through the site's own boot.js, until numpy answers. */
import { boot } from "../js/boot.js";

const { files, extraArchives = [] } = JSON.parse(self.name);
const base = new URL("../pack/", import.meta.url).href;
const marks = {}; // phase → ms since the worker began
const report = (phase) => (marks[phase] = Math.round(performance.now()));
const DRAW = "import numpy; numpy.random.default_rng(0).normal(size=3).tolist()";

try {
  const { pyodide } = await boot({ base, files, extraArchives, report });
  self.postMessage({ draws: pyodide.runPython(DRAW).toJs(), marks });
} catch (error) {
  self.postMessage({ error: error.message });
}
