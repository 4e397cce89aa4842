// The reader's text of one listing or exercise, kept on this device while it differs from ours. Knows no editor.
//
// A text that this editor has not shown (of another tab, or from before a link brought other code) is set aside before it
// is overwritten: yours.html lists it.
import { askToKeep, inWords, keep, kept, setAside, today } from "../page/kept.js";

export class Draft {
  constructor(name, of, original) {
    Object.assign(this, { name, of, original });
    this.begun = this.entry?.text; // what the reader has seen of it, once the editor has opened on it
  }

  get entry() {
    const entry = kept("code")[this.name];
    return typeof entry?.text === "string" && entry.text !== this.original ? entry : undefined;
  }

  /** What is said of it; "" where there is none. */
  get words() {
    if (!this.entry) return "";
    const changed = this.entry.of && this.entry.of !== this.of ? " The code here has changed since; yours may not fit it." : "";
    return `What you wrote on ${inWords(this.entry.day)} is kept.${changed}`;
  }

  /** The editor shows a text that came from elsewhere. */
  replacedBy(text) {
    if (text !== this.entry?.text) this.begun = undefined;
  }

  /** Keep a text; returns whether it could be stored. */
  keep(text) {
    const { entry } = this;
    if (entry?.text === text) return true;
    if (entry && entry.text !== this.begun) setAside(this.name, entry, "replaced");
    this.begun = text;
    askToKeep();
    return keep("code", ({ [this.name]: _, ...others }) =>
      text === this.original ? others : { ...others, [this.name]: { text, day: today(), of: this.of } });
  }
}
