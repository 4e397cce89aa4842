// <page-contents>: the list of sections marks the one that is being read, and stands open where it has a column.
// Knows the page only by the ids that its links name.

const WIDE = matchMedia("(min-width: 75rem)"); // as in page.css
const READING = { rootMargin: "99999px 0px -70% 0px" }; // a heading above this line has been reached

const target = ({ hash }) => document.getElementById(decodeURIComponent(hash.slice(1)));

class PageContents extends HTMLElement {
  connectedCallback() {
    this.unfold = () => (this.querySelector("details").open = WIDE.matches);
    this.unfold();
    WIDE.addEventListener("change", this.unfold);
    this.links = new Map([...this.querySelectorAll("a")].map((link) => [target(link), link]));
    this.reached = new Set();
    this.observer = new IntersectionObserver((entries) => this.follow(entries), READING);
    for (const heading of this.links.keys()) this.observer.observe(heading);
  }

  disconnectedCallback() {
    WIDE.removeEventListener("change", this.unfold);
    this.observer.disconnect();
  }

  follow(entries) {
    for (const { target, isIntersecting } of entries) this.reached[isIntersecting ? "add" : "delete"](target);
    const current = [...this.links.keys()].findLast((heading) => this.reached.has(heading));
    for (const [heading, link] of this.links) {
      if (heading === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
}

customElements.define("page-contents", PageContents);
