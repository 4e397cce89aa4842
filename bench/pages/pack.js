/* Worker: our pack through the site's own boot.js, until numpy answers. Its name is its configuration:
   {files, extraArchives, code, again}; `again` boots once more with the module of the first boot, as a restart does. */
import { boot } from "../js/boot.js";

const DRAW = "import numpy; numpy.random.default_rng(0).normal(size=3).tolist()";
const { files, extraArchives = [], code = DRAW, again = false } = JSON.parse(self.name);
const base = new URL("../pack/", import.meta.url).href;
const marks = {}; // phase → ms since the worker began
let total;
const report = (phase, _, bytes) => {
  marks[phase] = Math.round(performance.now());
  total = bytes;
};
const options = { base, files, extraArchives: extraArchives.map(({ url, ...rest }) => ({ url: base + url, ...rest })), report };

try {
  let { pyodide, module } = await boot(options);
  if (again) ({ pyodide } = await boot({ ...options, module }));
  const answer = pyodide.runPython(code);
  self.postMessage({ answer: answer.toJs?.() ?? answer, marks, total });
} catch (error) {
  self.postMessage({ error: error.message });
}
