// <site-search>: the button in the header, and the keys / and Ctrl-K (⌘K). The search itself is loaded when opened.
// Without JavaScript there is no button.
import { composing } from "./keys.js";
import { askedPart } from "./parts.js";

class SiteSearch extends HTMLElement {
  connectedCallback() {
    this.innerHTML = `<button type="button" aria-haspopup="dialog" aria-keyshortcuts="/ Control+K Meta+K">Search <kbd aria-hidden="true">/</kbd></button>`;
    this.firstChild.addEventListener("click", () => this.open());
  }

  async open() {
    const part = await askedPart("search-dialog", "The search", "“Search”");
    part?.openSearch({ url: new URL(this.getAttribute("index"), document.baseURI).href, bytes: Number(this.getAttribute("bytes")) });
  }
}

function onKey(event) {
  const slash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey;
  const command = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey;
  const writing = event.target.closest?.("input:not([type=range], [type=radio], [type=checkbox]), textarea, select, [contenteditable]");
  if (composing(event) || event.defaultPrevented || !(command || (slash && !writing))) return;
  event.preventDefault();
  document.querySelector("site-search")?.open();
}

customElements.define("site-search", SiteSearch);
document.addEventListener("keydown", onKey);
