// What the reader has read: marked by the reader, kept on this device only.
//
//   <read-mark slug="kv_cache">   at the end of a topic: a toggle button
//   <reading-progress>            shows each [data-read-note="slug"] inside it when that topic is read
//
// Where storage is refused (private windows, blocked cookies) the marks last as long as the page.
import { announce } from "./announce.js";

const KEY = "llm-internals:read";
let unsaved = []; // what storage refused to keep

function readTopics() {
  let kept = [];
  try {
    kept = JSON.parse(localStorage.getItem(KEY)) ?? [];
  } catch {
    // refused, or not ours
  }
  return new Set([...unsaved, ...(Array.isArray(kept) ? kept : [])]);
}

function keep(topics) {
  try {
    localStorage.setItem(KEY, JSON.stringify([...topics]));
    unsaved = [];
  } catch {
    unsaved = [...topics];
  }
}

class ReadMark extends HTMLElement {
  connectedCallback() {
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.textContent = "I have read this";
    this.button.addEventListener("click", () => this.toggle());
    this.replaceChildren(this.button);
    this.draw();
  }

  get isRead() {
    return readTopics().has(this.getAttribute("slug"));
  }

  toggle() {
    const topics = readTopics();
    if (!topics.delete(this.getAttribute("slug"))) topics.add(this.getAttribute("slug"));
    keep(topics);
    this.draw();
    announce(this.isRead ? "Marked as read. Kept on this device only." : "No longer marked as read.");
  }

  draw() {
    this.button.setAttribute("aria-pressed", String(this.isRead));
  }
}

class ReadingProgress extends HTMLElement {
  connectedCallback() {
    this.draw = this.draw.bind(this);
    addEventListener("storage", this.draw); // marked in another tab
    this.draw();
  }

  disconnectedCallback() {
    removeEventListener("storage", this.draw);
  }

  draw() {
    const read = readTopics();
    for (const note of this.querySelectorAll("[data-read-note]"))
      note.toggleAttribute("hidden", !read.has(note.dataset.readNote));
  }
}

customElements.define("read-mark", ReadMark);
customElements.define("reading-progress", ReadingProgress);
