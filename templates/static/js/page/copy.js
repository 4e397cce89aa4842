// <copy-this>: a button that copies the text inside.
import { announce } from "./announce.js";
import { copyText } from "./clipboard.js";

class CopyThis extends HTMLElement {
  connectedCallback() {
    if (this.querySelector("button")) return;
    const text = this.textContent.trim();
    const button = this.appendChild(document.createElement("button"));
    Object.assign(button, { type: "button", textContent: "Copy" });
    button.addEventListener("click", async () => {
      const done = (await copyText(text)) ? "Copied" : "Select the text to copy it";
      button.textContent = done;
      announce(done);
    });
  }
}

customElements.define("copy-this", CopyThis);
