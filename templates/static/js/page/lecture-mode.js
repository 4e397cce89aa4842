// <lecture-mode>: a button and the key F, which show a page's demos one at a time, for a hall. The showing itself is
// loaded when asked for (lecture.js). Its place is a part of the address: #lecture:at=cache_growth
import { addressLater, restore } from "./address.js";
import { composing } from "./keys.js";
import { askedPart } from "./parts.js";

const WRITING = "input:not([type=range], [type=radio], [type=checkbox]), textarea, select, [contenteditable]";

class LectureMode extends HTMLElement {
  linkName = "lecture";

  connectedCallback() {
    if (!document.querySelector(".topic llm-demo")) return;
    this.innerHTML = `<button type="button" aria-keyshortcuts="F">Present <kbd aria-hidden="true">F</kbd></button>`;
    this.firstChild.addEventListener("click", () => this.begin());
    restore(this);
  }

  disconnectedCallback() {
    this.shown?.leave();
  }

  // Full screen is asked for in the click itself, before anything is awaited; where there is none, the window will do.
  begin() {
    if (this.shown) return;
    document.documentElement.requestFullscreen?.().catch(() => {});
    this.enter();
  }

  async enter(at) {
    const part = await askedPart("lecture", "The lecture", "“Present”");
    if (!part || !this.isConnected) return;
    if (this.shown) return this.shown.go(at);
    this.shown = part.present(at, { moved: addressLater, left: () => this.left() });
  }

  left() {
    this.shown = null;
    addressLater();
  }

  linkValues() {
    return new Map(this.shown ? [["at", this.shown.at]] : []);
  }

  linkAccepts(values) {
    return values?.has("at") ? new Map([["at", values.get("at")]]) : undefined;
  }

  linkPut(values) {
    if (values.has("at")) this.enter(values.get("at"));
    else this.shown?.leave();
  }
}

document.addEventListener("keydown", (event) => {
  const { key, ctrlKey, metaKey, altKey, target } = event;
  if (key.toLowerCase() !== "f" || ctrlKey || metaKey || altKey || composing(event) || event.defaultPrevented) return;
  if (!target.closest?.(WRITING)) document.querySelector("lecture-mode")?.begin();
});

customElements.define("lecture-mode", LectureMode);
