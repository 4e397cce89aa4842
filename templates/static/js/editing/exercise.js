// <code-exercise name="kv_cache.grow_the_cache">: the reader completes a function, Python checks it on fresh inputs.
// Passed exercises are kept on this device. Knows the checks no more than the reader does.
import { isOutdated, isPassed, markPassed } from "./passed.js";
import { checkPython } from "../python/python.js";
import { Runner } from "./runner.js";

const CHECKS = 3; // an answer must pass on this many fresh seeds

class CodeExercise extends Runner {
  buttons = `<button type="button" class="primary" data-run>Write your answer</button>`;

  connectedCallback() {
    this.name = this.getAttribute("name");
    const name = this.name.split(".").pop();
    this.label = `Your answer to ${name.replaceAll("_", " ")}`;
    this.linkName = `exercise.${name}`;
    super.connectedCallback();
    if (isPassed(this.name)) this.say("passed", `${this.pass}${this.draft.words}`.trim());
  }

  get pass() {
    return `✓ You have passed this one${isOutdated(this.name, this.getAttribute("of")) ? "; it has changed since" : ""}. `;
  }

  get came() {
    return `${history.state?.written && isPassed(this.name) ? this.pass : ""}${super.came}`;
  }

  opened() {
    this.part("run").textContent = "Check";
  }

  async run() {
    const { code } = this.editor;
    this.begin("Checking …");
    try {
      for (let i = 0; i < CHECKS; i++) {
        const verdict = await checkPython(this.name, code, Math.floor(Math.random() * 1e6));
        if (!verdict.passed) return this.blame(verdict, "Not yet. ");
      }
      markPassed(this.name, this.getAttribute("of"));
      this.say("passed", `✓ Passed, on ${CHECKS} fresh inputs.`);
    } catch (problem) {
      this.say("failed", problem.message);
    }
  }

  reset() {
    this.editor.code = this.original;
    this.clearOutput();
    this.say("editing", "The starting point again.");
  }
}

customElements.define("code-exercise", CodeExercise);
