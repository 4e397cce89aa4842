// <practice-list>: all exercises, questions and guesses; what the reader has done of them, and which of them to see. Each
// list item stands there without this script, with its kind and its name in what is kept (kept.js).
//
// What is unfolded comes in one file: answers, and tasks of more than a sentence. A question is answered in the reader's own words: only
// the reader can tell whether they can.
import { downloadJson, twice } from "../net/file.js";
import { explained } from "../net/updated.js";
import { announce } from "./announce.js";
import { keep, kept } from "./kept.js";
import { notice } from "./notice.js";

const MANY = { exercise: "exercises", question: "questions", guess: "guesses" };
const DONE = { exercise: "exercises passed", question: "questions that you can answer", guess: "guesses made" };

class PracticeList extends HTMLElement {
  connectedCallback() {
    this.items = [...this.querySelectorAll("[data-kind]")];
    this.pages = [...this.querySelectorAll(".practice-page")].map((page) => ({ page, home: page.parentNode }));
    this.route = this.appendChild(document.createElement("div"));
    for (const item of this.items) this.equip(item);
    this.querySelector(".practice-tools").append(this.tools());
    this.addEventListener("change", ({ target }) => (target.matches("[data-known]") ? this.answered(target) : this.arrange()));
    this.addEventListener("click", ({ target }) => this.clicked(target));
    this.addEventListener("toggle", ({ target }) => target.matches("[data-answer][open]") && this.unfold(target), true);
    this.draw = this.draw.bind(this);
    addEventListener("storage", this.draw); // passed or guessed in another tab
    this.arrange();
  }

  disconnectedCallback() {
    removeEventListener("storage", this.draw);
  }

  tools() {
    const option = (value, text) => `<option value="${value}">${text}</option>`;
    const names = (nodes) => [...nodes].map((node, i) => [i, node]);
    const form = document.createElement("form");
    form.innerHTML = `
      <label>Show <select name="state">${option("", "all")}${option("open", "not yet done")}</select></label>
      <label>of <select name="kind">${option("", "everything")}${Object.entries(MANY).map((each) => option(...each)).join("")}</select></label>
      <label>in <select name="place">${option("", "all sections")}</select></label>
      <span class="buttons"><button type="button" data-unfold>Unfold all</button><button type="button" data-print>Print</button></span>
      <p class="counts"></p>`;
    form.addEventListener("submit", (event) => event.preventDefault());
    const group = (label, entries) => {
      const node = Object.assign(document.createElement("optgroup"), { label });
      node.append(...entries.map(([value, text]) => new Option(text, value)));
      form.place.append(node);
    };
    group("A section", names(this.querySelectorAll("h2")).map(([i, heading]) => [`section ${i}`, heading.textContent]));
    group("A path", names(this.querySelectorAll("[data-path]")).map(([i, path]) => [`path ${i}`, path.dataset.path]));
    return form;
  }

  /** What one can do with an item here. */
  equip(item) {
    const to = item.querySelector(".to");
    const { kind, id } = item.dataset;
    const { slug } = item.closest("[data-slug]").dataset;
    item.name = `${slug}${kind === "exercise" ? "." : "#"}${id}`; // in what is kept
    item.anchor = `${slug}#${kind === "exercise" ? "exercise-" : ""}${id}`;
    if (kind !== "question") (item.querySelector("h4") ?? to).append(Object.assign(document.createElement("span"), { className: "done" }));
    if (kind === "guess" || !to) return;
    const details = document.createElement("details");
    details.dataset.answer = "";
    details.innerHTML = `<summary>${kind === "question" ? "The answer" : "The whole task"}</summary>`;
    to.replaceWith(details);
    details.append(...to.childNodes);
    if (kind === "question") details.insertAdjacentHTML("afterend", `<label><input type="checkbox" data-known> I can answer this</label>`);
  }

  answered(box) {
    const { name } = box.closest("[data-kind]");
    keep("known", (names) => [...names.filter((each) => each !== name), ...(box.checked ? [name] : [])]);
    this.draw(); // it stays in sight until the list is asked for anew
  }

  clicked(target) {
    if (target.closest("[data-print]")) print();
    const all = target.closest("[data-unfold]");
    if (!all) return;
    const open = all.textContent.startsWith("Unfold");
    all.textContent = open ? "Fold all" : "Unfold all";
    for (const details of this.querySelectorAll("[data-answer]")) details.open = open;
  }

  async unfold(details) {
    const item = details.closest("[data-kind]");
    if (details.dataset.answer) return;
    details.dataset.answer = "asked";
    try {
      const answers = await this.allAnswers();
      details.querySelector("a")?.remove();
      if (item.dataset.kind === "exercise") item.querySelector("h4 + p").remove(); // its first sentence
      details.insertAdjacentHTML("beforeend", answers[item.anchor]);
    } catch (error) {
      const { message } = await explained(error);
      details.dataset.answer = "";
      details.open = false;
      notice(`It could not be loaded, but stands on its page. ${message}.`);
    }
  }

  allAnswers() {
    const file = { url: new URL(this.getAttribute("answers"), document.baseURI).href, bytes: Number(this.getAttribute("bytes")) };
    this.asked ??= twice((how) => downloadJson(file, how)).catch((error) => {
      this.asked = undefined;
      throw error;
    });
    return this.asked;
  }

  /** Which items to see, and in which order. */
  arrange() {
    const { state, kind, place } = this.querySelector("form");
    const [by, index] = place.value.split(" ");
    const path = by === "path" && [...this.querySelectorAll("[data-path]")[index].querySelectorAll("a")].map(({ hash }) => hash.slice(4));
    const section = by === "section" && this.querySelectorAll("h2")[index].parentNode;
    for (const { page, home } of this.pages) home.append(page);
    for (const slug of path || []) this.route.append(this.querySelector(`[data-slug="${slug}"]`));
    const done = this.draw();
    for (const item of this.items) item.hidden = (kind.value && item.dataset.kind !== kind.value) || (state.value && done.has(item));
    for (const { page, home } of this.pages) {
      const elsewhere = (path && page.parentNode !== this.route) || (section && home !== section);
      page.hidden = elsewhere || !page.querySelector("[data-kind]:not([hidden])");
    }
    for (const home of this.querySelectorAll(".practice-section")) home.hidden = !home.querySelector(".practice-page:not([hidden])");
    this.count(done);
    if (!this.querySelector(".practice-page:not([hidden])")) this.querySelector(".counts").append(" Of what you asked for nothing is left.");
    announce(this.querySelector(".counts").textContent);
  }

  /** Mark what is done; returns those items. */
  draw() {
    const [passed, known, guesses] = [new Set(kept("passed")), new Set(kept("known")), kept("guesses")];
    const done = new Set(this.items.filter(({ name, dataset: { kind } }) => (kind === "guess" ? guesses[name] : (kind === "exercise" ? passed : known).has(name))));
    for (const item of this.items) {
      const { name, dataset: { kind } } = item;
      if (kind === "question") item.querySelector("[data-known]").checked = done.has(item);
      else if (kind === "guess") item.querySelector(".done").textContent = done.has(item) ? ` You guessed “${guesses[name].guess}”: ${guesses[name].right ? "right" : "not quite"}.` : "";
      else item.querySelector(".done").textContent = done.has(item) ? " ✓ passed" : "";
    }
    for (const { page } of this.pages) {
      const own = this.items.filter((item) => page.contains(item));
      page.querySelector("small").textContent = `${own.filter((item) => done.has(item)).length} of ${own.length} done`;
    }
    this.count(done);
    return done;
  }

  count(done) {
    const seen = this.items.filter((item) => item.checkVisibility());
    const told = Object.entries(DONE).map(([kind, what]) => {
      const all = seen.filter(({ dataset }) => dataset.kind === kind);
      return all.length && `${all.filter((item) => done.has(item)).length} of ${all.length} ${what}`;
    });
    this.querySelector(".counts").textContent = told.some(Boolean) ? `Shown: ${told.filter(Boolean).join(", ")}.` : "";
  }
}

customElements.define("practice-list", PracticeList);
