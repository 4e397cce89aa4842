// <code-cell target="topics.kv_cache.decode_step">: a listing that can be edited and run. Run puts the reader's code
// in the place of the function that the demos call; Reset puts ours back. Knows no demo.
//
//   shown → editing → running → active (the demos use it), failed (why stands beside the line) or stopped
import { activateEdit, deactivateEdit, isActive, onDeactivated } from "../python/edits.js";
import { editPython, uneditPython } from "../python/python.js";
import { Runner } from "./runner.js";

class CodeCell extends Runner {
  buttons = `<button type="button" data-run>Edit</button>`;

  connectedCallback() {
    this.target = this.getAttribute("target");
    const name = this.target.split(".").pop();
    this.label = `Python code of ${name}`;
    this.linkName = `code.${name}`;
    super.connectedCallback();
    this.leave.push(onDeactivated((targets, why) => targets.includes(this.target) && this.say("stopped", why)));
    this.demoFailed = ({ detail }) => this.blameDemo(detail);
    document.addEventListener("demo-failed", this.demoFailed);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    document.removeEventListener("demo-failed", this.demoFailed);
    if (this.ran) this.putBack(); // also what still runs: Python hears of it before the next page asks anything
  }

  opened() {
    this.part("run").textContent = "Run";
    this.part("run").classList.add("primary");
  }

  async run() {
    const { code } = this.editor;
    this.begin("Running …");
    this.ran = true;
    try {
      const verdict = await editPython(this.target, code);
      if (!this.isConnected) return; // what has run is put back already
      if (verdict.message) return this.blame(verdict);
      activateEdit(this.target, code);
      const wide = verdict.reaches && ` Line ${verdict.reaches} could change more than this function: after Reset, Python starts anew.`;
      this.say("active", `The demos on this page use your code now.${wide || ""}`);
      document.dispatchEvent(new Event("code-edited"));
    } catch (problem) {
      this.say("failed", problem.message);
    }
  }

  async reset() {
    this.editor.code = this.original;
    this.clearOutput();
    await this.putBack();
    this.say("editing", "The original again.");
    document.dispatchEvent(new Event("code-edited"));
  }

  async putBack() {
    deactivateEdit(this.target);
    await uneditPython(this.target).catch(() => {}); // a Python that is gone has no edits
  }

  // A demo failed: when a frame of this code is in its traceback, the line is known.
  blameDemo({ message, traceback = "" }) {
    const frames = [...traceback.matchAll(/File "<edited ([\w.]+)>", line (\d+)/g)];
    const frame = frames.findLast(([, target]) => target === this.target);
    if (!frame || !isActive(this.target)) return;
    this.editor.problem({ message, line: Number(frame[2]) });
    this.say("active", `Line ${frame[2]}: ${message}`);
  }
}

customElements.define("code-cell", CodeCell);
