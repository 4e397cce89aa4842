// What a listing that can be edited and an exercise share: an editor that opens on demand, a row of buttons, a line
// that says what happened, and what the code printed. Knows neither Pyodide nor what running means.
import { addressLater, restore } from "../page/address.js";
import { announce } from "../page/announce.js";
import { notice } from "../page/notice.js";
import { pageName } from "../page/kept.js";
import { askedPart } from "../page/parts.js";
import { onPrint, stopPython } from "../python/python.js";
import { Draft } from "./draft.js";
import { squeeze, unsqueeze } from "./squeeze.js";

const RESTED = 500; // ms without a key before what is written is kept
const MOST_OUTPUT = 20_000; // characters kept: the worker caps each run, this caps many

const bar = (buttons) => `<div class="code-actions">${buttons}
  <button type="button" data-stop hidden>Stop</button>
  <button type="button" data-reset hidden>Reset</button>
  <span class="code-status"></span>
</div><pre class="code-output" hidden tabindex="0" aria-label="Printed output"></pre>`;

export class Runner extends HTMLElement {
  // Subclasses give: buttons, label, linkName, run(), reset(), opened()
  connectedCallback() {
    this.listing = this.querySelector(".highlight");
    this.original = this.listing.textContent.replace(/\n*$/, "\n");
    this.listing.after(document.createRange().createContextualFragment(bar(this.buttons)));
    this.addEventListener("click", ({ target }) => this.clicked(target));
    this.draft = new Draft(`${pageName()}#${this.linkName}`, this.getAttribute("of"), this.original);
    this.querySelector(".code-status").textContent = this.draft.words;
    this.keepDraft = this.keepDraft.bind(this);
    addEventListener("pagehide", this.keepDraft);
    this.leave = [onPrint((text) => this.print(text)), this.keepDraft, () => removeEventListener("pagehide", this.keepDraft)];
    restore(this);
  }

  disconnectedCallback() {
    for (const leave of this.leave) leave();
  }

  get state() {
    return this.getAttribute("state") ?? "shown";
  }

  get code() {
    return this.editor?.code ?? this.brought ?? this.original;
  }

  part(name) {
    return this.querySelector(`[data-${name}]`);
  }

  clicked(target) {
    if (target.closest("[data-run]")) this.editor ? this.run() : this.edit();
    if (target.closest("[data-stop]")) stopPython();
    if (target.closest("[data-reset]")) this.reset();
  }

  /** Open the editor; `code` comes from a link and has not run. */
  async edit(code) {
    this.brought = code ?? this.brought; // stays in the address, also where the editor can't be had
    const part = await askedPart("editor", "The editor", `“${this.part("run").textContent}”`);
    if (!part) return;
    const { openEditor } = part;
    const text = code ?? this.editor?.code ?? this.brought ?? this.draft.entry?.text ?? this.original;
    this.keepDraft();
    this.draft.replacedBy(text);
    if (!this.editor) {
      const node = document.createElement("div");
      this.listing.after(node);
      this.listing.hidden = true;
      const { label } = this;
      this.editor = openEditor(node, { code: text, label, onRun: () => this.run(), onChange: () => this.changed() });
      this.part("reset").hidden = false;
      this.opened();
    } else this.editor.code = text;
    this.say("editing", code === undefined ? `${this.draft.words} Ctrl+Enter runs it.`.trim() : this.came);
    if (code === undefined) this.editor.focus(); // a link does not take the focus
  }

  changed() {
    addressLater();
    clearTimeout(this.resting);
    this.resting = setTimeout(this.keepDraft, RESTED);
  }

  keepDraft() {
    if (this.resting === undefined) return; // what a link brought is kept once the reader has changed it
    clearTimeout(this.resting);
    this.resting = undefined;
    if (this.draft.keep(this.editor.code) || this.warned) return;
    this.warned = true;
    notice("This browser refuses to keep what you write, or has no room for it: copy it before you leave.");
  }

  /** What is said of code that the address brought: someone's link, or our own address after a reload. */
  get came() {
    const own = this.draft.entry && this.draft.entry.text !== this.brought ? " Your own is kept." : "";
    return `${history.state?.written ? "Your code, as you left it." : `This code came with the link.${own}`} It has not run.`;
  }

  async linkValues() {
    return new Map(this.code === this.original ? [] : [["text", await squeeze(this.code)]]);
  }

  linkAccepts(values) {
    return values?.has("text") ? values : undefined;
  }

  /** Show a link's code, not run; what does not unfold to text changes nothing. */
  async linkPut(values) {
    const code = values.size ? await unsqueeze(values.get("text")) : null;
    if (values.size && code === null) notice(`The link's code could not be read (${this.label}): a part of the link may be missing.`);
    if (code !== null && code !== this.code) this.edit(code);
  }

  /** Before a run: what was said of the last one goes. */
  begin(text) {
    this.editor.problem(null);
    this.clearOutput();
    this.say("running", text);
  }

  blame({ message, line }, lead = "") {
    if (line) this.editor.problem({ message, line });
    this.say("failed", `${lead}${line ? `Line ${line}: ` : ""}${message}`);
  }

  print(text) {
    if (!["running", "active"].includes(this.state)) return;
    const output = this.querySelector(".code-output");
    output.hidden = false;
    output.textContent = `${output.textContent}${text}\n`.slice(-MOST_OUTPUT);
  }

  clearOutput() {
    const output = this.querySelector(".code-output");
    output.hidden = true;
    output.textContent = "";
  }

  say(state, text) {
    this.setAttribute("state", state);
    this.part("stop").hidden = state !== "running";
    this.querySelector(".code-status").textContent = text;
    if (state !== "running" && this.isConnected) announce(text); // the next page has nothing to say of it
  }
}
