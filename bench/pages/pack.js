/* Worker: our pack through the site's own boot.js, until numpy answers. Its name is its configuration:
   {files, extraArchives, iPad, code, again}; `again` boots once more with the module of the first boot, as a restart does. */
import { boot } from "../js/python/boot.js";

const DRAW = "import numpy; numpy.random.default_rng(0).normal(size=3).tolist()";
const { files, extraArchives = [], iPad, code = DRAW, again = false } = JSON.parse(self.name);
const base = new URL("../pack/", import.meta.url).href;
const marks = {}; // phase → ms since the worker began
let loaded;
const report = (phase, bytes) => {
  marks[phase] = Math.round(performance.now());
  loaded = bytes;
  if (phase === "random") self.postMessage({ imported: true });
};
const absolute = (archive) => ({ ...archive, url: base + archive.url });
const options = { base, files, extraArchives: extraArchives.map(absolute), iPad, report };

try {
  let { pyodide, module } = await boot(options);
  if (again) ({ pyodide } = await boot({ ...options, module }));
  const answer = pyodide.runPython(code);
  self.postMessage({ answer: answer.toJs?.() ?? answer, marks, loaded });
} catch (error) {
  self.postMessage({ error: error.message });
}
