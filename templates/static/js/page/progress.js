// What the reader has read: marked by the reader, kept on this device only.
//
//   <read-mark slug="kv_cache">   at the end of a topic: a toggle button
//   <reading-progress>            shows each [data-read-note="slug"] inside it when that topic is read
//
// Where storage is refused (private windows, blocked cookies) the marks last as long as the page.
import { announce } from "./announce.js";
import { keep, kept } from "./kept.js";

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
    return kept("read").includes(this.getAttribute("slug"));
  }

  toggle() {
    const slug = this.getAttribute("slug");
    keep("read", (slugs) => (slugs.includes(slug) ? slugs.filter((each) => each !== slug) : [...slugs, slug]));
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
    const read = new Set(kept("read"));
    for (const note of this.querySelectorAll("[data-read-note]"))
      note.toggleAttribute("hidden", !read.has(note.dataset.readNote));
  }
}

customElements.define("read-mark", ReadMark);
customElements.define("reading-progress", ReadingProgress);
