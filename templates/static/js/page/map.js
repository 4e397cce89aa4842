// <prerequisite-map>: a pointed-at or focused topic keeps what it needs and what needs it bright; the rest steps back.
// Links and drawing are there without this script.

class PrerequisiteMap extends HTMLElement {
  connectedCallback() {
    for (const [enter, leave] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
      this.addEventListener(enter, ({ target }) => this.trace(target.closest("[data-slug]")));
      this.addEventListener(leave, () => this.trace(document.activeElement.closest("prerequisite-map [data-slug]")));
    }
  }

  trace(node) {
    const kin = node ? this.kin(node) : new Set();
    this.classList.toggle("tracing", Boolean(node));
    for (const other of this.querySelectorAll("[data-slug]")) other.classList.toggle("kin", kin.has(other.dataset.slug));
  }

  /** The slugs of a node, of all that it needs, and of all that need it. */
  kin({ dataset: { slug, needs } }) {
    const later = [...this.querySelectorAll(`[data-needs~="${slug}"]`)].map((other) => other.dataset.slug);
    return new Set([slug, ...needs.split(" "), ...later]);
  }
}

customElements.define("prerequisite-map", PrerequisiteMap);
