// <kept-note slug="kv_cache">: at a page's foot, says when something that the reader kept of it has no place on it any
// more: the page has changed. yours.html has it.
import { kept } from "./kept.js";

const isHere = (id) => document.getElementById(id) !== null;

/** How many edits, passed exercises and guesses of a page name what it no longer has. */
function lost(slug) {
  const code = Object.keys(kept("code")).filter((name) => name.startsWith(`${slug}#`) && !isHere(name.split("#")[1].replace(".", "-")));
  const passed = kept("passed").filter((name) => name.startsWith(`${slug}.`) && !isHere(`exercise-${name.slice(slug.length + 1)}`));
  const guesses = [...Object.keys(kept("guesses")), ...kept("known")].filter((name) => name.startsWith(`${slug}#`) && !isHere(name.split("#")[1]));
  return code.length + passed.length + guesses.length;
}

class KeptNote extends HTMLElement {
  connectedCallback() {
    const count = lost(this.getAttribute("slug"));
    if (!count) return;
    const [what, have] = count === 1 ? ["one thing", "has"] : [`${count} things`, "have"];
    this.innerHTML = `<p>This page has changed since you were here: ${what} that you wrote, passed, guessed or answered ${have} no place on it any more. <a href="yours.html">What is yours</a> still has ${count === 1 ? "it" : "them"}.</p>`;
  }
}

customElements.define("kept-note", KeptNote);
