// <predict-block>: the guesses become buttons; one guess opens the answer and says whether it was right. Without it
// the answer opens by itself. The guess stands in the page's address, and is kept on this device.
import { addressLater, restore } from "./address.js";
import { announce } from "./announce.js";
import { inWords, keep, kept, pageName, today } from "./kept.js";

class PredictBlock extends HTMLElement {
  connectedCallback() {
    this.keptName = `${pageName()}#${this.id}`;
    this.guesses = [...this.querySelectorAll(".guesses > li")].map(asButton);
    if (this.guesses.length) this.querySelector("summary").textContent = this.before ?? "Show the answer without guessing";
    this.addEventListener("click", ({ target }) => {
      const guess = target.closest(".guess");
      if (guess && this.chosen === undefined) this.answer(guess);
    });
    this.linkName = `guess.${[...document.querySelectorAll("predict-block")].indexOf(this) + 1}`;
    restore(this);
  }

  /** What is said of a guess of another day: it can be made again. */
  get before() {
    const { guess, day } = kept("guesses")[this.keptName] ?? {};
    return guess && `You guessed “${guess}” on ${inWords(day)}. Show the answer`;
  }

  linkValues() {
    return new Map(this.chosen === undefined ? [] : [["choice", String(this.chosen + 1)]]);
  }

  linkAccepts(values) {
    const choice = values?.get("choice");
    return /^\d$/.test(choice) && this.guesses[choice - 1] ? new Map([["choice", choice]]) : undefined;
  }

  // A guess once made can't be unmade: an address without one leaves it. One that a link brought is not the reader's.
  linkPut(values) {
    if (values.size && this.chosen === undefined) this.answer(this.guesses[values.get("choice") - 1], { own: false });
  }

  answer(chosen, { own = true } = {}) {
    this.chosen = this.guesses.indexOf(chosen);
    if (own) this.keep(chosen);
    addressLater();
    for (const guess of this.guesses) this.mark(guess, guess === chosen);
    const verdict = document.createElement("p");
    verdict.className = "verdict";
    verdict.textContent = isRight(chosen) ? "Right." : "Not quite.";
    const details = this.querySelector("details");
    details.firstElementChild.after(verdict);
    details.firstElementChild.textContent = "The answer";
    details.open = true;
    announce(`${verdict.textContent} ${spokenText(verdict.nextElementSibling)}`);
  }

  keep(chosen) {
    const [, ask] = spokenText(this.querySelector(".ask")).match(/^\s*Predict\s*(.*)$/s);
    const guess = spokenText(chosen).trim();
    keep("guesses", (table) => ({ ...table, [this.keptName]: { ask: ask.trim(), guess, right: isRight(chosen), day: today() } }));
  }

  mark(guess, chosen) {
    guess.setAttribute("aria-pressed", chosen);
    guess.setAttribute("aria-disabled", "true"); // not `disabled`: the focus stays
    if (isRight(guess)) guess.append(" ✓");
    else if (chosen) guess.append(" ✗");
  }
}

// A formula stands there twice, drawn and as MathML: once is enough.
function spokenText(element) {
  const copy = element.cloneNode(true);
  for (const drawn of copy.querySelectorAll(".katex-html")) drawn.remove();
  return copy.textContent;
}

const isRight = (guess) => "right" in guess.parentNode.dataset;

function asButton(item) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "guess" });
  button.setAttribute("aria-pressed", "false");
  button.append(...item.childNodes);
  item.append(button);
  return button;
}

customElements.define("predict-block", PredictBlock);
