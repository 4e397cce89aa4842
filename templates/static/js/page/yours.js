// <what-is-yours>: all that is kept on this device (kept.js), what became of the places that it belongs to, and what the
// reader may do with it: save it to a file, load one, ask the browser to keep it, forget it.
//
//   known   address of {slug: [title, {code.name, exercise.name: version}, [ids of guesses and questions]]}, which the build
//           writes: what a page no longer has, or has in another version, is told, and its text stands here
import { downloadJson, twice } from "../net/file.js";
import { explained } from "../net/updated.js";
import { announce } from "./announce.js";
import { copyText } from "./clipboard.js";
import { fileOf, merged, readFile } from "./kept-file.js";
import { KINDS, forgetAll, inWords, keep, kept, today } from "./kept.js";

const THEME = "llm-internals:theme"; // theme-switch.js writes it
const SAFARI = "https://webkit.org/blog/10218/full-third-party-cookie-blocking-and-more/";
const WHY = {
  replaced: "other code took its place: from a link, or from another tab",
  merged: "a file that you loaded had another text for the same place, and the later one stays there",
  damaged: "it was stored here in a form that could not be read",
};

/** An element with text or nodes inside: el("p.facts", "words", node). */
function el(what, ...inside) {
  const [tag, className] = what.split(".");
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...inside.filter((each) => each !== ""));
  return element;
}

const link = (href, text) => Object.assign(el("a", text), { href });
const button = (text, act) => {
  const made = Object.assign(el("button", text), { type: "button" });
  made.addEventListener("click", () => act(made));
  return made;
};
const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

const theme = () => {
  try {
    return localStorage.getItem(THEME) || undefined;
  } catch {
    return undefined;
  }
};

/** Everything, as a file holds it. */
const everything = () => ({ ...Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, kept(kind)])), ...(theme() ? { theme: theme() } : {}) });

class WhatIsYours extends HTMLElement {
  async connectedCallback() {
    this.said = el("div.said");
    this.said.hidden = true;
    this.list = el("div");
    this.append(this.doing(), this.said, this.promise(), this.list);
    this.draw = this.draw.bind(this);
    addEventListener("storage", this.draw); // another tab writes, too
    this.draw();
    const file = { url: new URL(this.getAttribute("known"), document.baseURI).href, bytes: Number(this.getAttribute("bytes")) };
    try {
      this.known = await twice((how) => downloadJson(file, how));
      this.draw();
    } catch (error) {
      this.say([`Whether the pages still have what you kept could not be found out: ${(await explained(error)).message}.`], true);
    }
  }

  disconnectedCallback() {
    removeEventListener("storage", this.draw);
  }

  // ---- what can be done

  doing() {
    const input = Object.assign(document.createElement("input"), { type: "file", accept: ".json,application/json", hidden: true });
    input.addEventListener("change", () => input.files[0] && this.load(input.files[0]).finally(() => (input.value = "")));
    const save = button("Save to a file", () => this.save());
    save.classList.add("primary");
    const forget = button("Forget all …", () => dialog.showModal());
    forget.classList.add("danger");
    const dialog = this.question();
    return el("div.does", save, button("Load from a file …", () => input.click()), forget, input, dialog);
  }

  question() {
    const dialog = el("dialog", el("h2", "Forget all?"), el("p", "Everything listed on this page goes from this device, your theme, too. It can’t be brought back, unless you have saved it to a file."));
    const yes = button("Forget all", () => {
      forgetAll();
      delete document.documentElement.dataset.theme;
      document.dispatchEvent(new Event("themechange"));
      for (const select of document.querySelectorAll("theme-switch select")) select.value = "";
      dialog.close();
      this.draw();
      this.say(["All is forgotten: nothing of yours is kept on this device now."]);
    });
    yes.classList.add("danger");
    dialog.append(el("div.does", button("Keep it", () => dialog.close()), button("Save to a file first", () => this.save()), yes));
    dialog.setAttribute("aria-label", "Forget all?");
    return dialog;
  }

  save() {
    const day = today();
    const href = URL.createObjectURL(new Blob([fileOf(everything(), day)], { type: "application/json" }));
    Object.assign(document.createElement("a"), { href, download: `llm-internals-${day}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
    this.say([`Saved as llm-internals-${day}.json, where your browser puts downloads. It is plain text that you can read.`]);
  }

  async load(file) {
    try {
      const { all: theirs, told } = readFile(await file.text());
      const { all, told: more } = merged(everything(), theirs);
      if (!this.store(all)) return this.say([`${file.name}: it was read, but this browser refuses to keep it, or has no room for it. Nothing has changed.`], true);
      this.draw();
      this.say([`Loaded ${file.name}. Nothing that was here is lost.`, ...told, ...more]);
    } catch ({ message }) {
      this.say([`${file.name} was not loaded. ${message} Nothing has changed.`], true);
    }
  }

  /** All or nothing. */
  store({ theme: chosen, ...all }) {
    const before = everything();
    const whole = Object.entries(all).every(([kind, value]) => keep(kind, () => value));
    if (!whole) for (const kind of Object.keys(KINDS)) keep(kind, () => before[kind]);
    else if (chosen && chosen !== before.theme) {
      localStorage.setItem(THEME, chosen);
      document.documentElement.dataset.theme = chosen;
      for (const select of document.querySelectorAll("theme-switch select")) select.value = chosen;
      document.dispatchEvent(new Event("themechange"));
    }
    return whole;
  }

  say(lines, bad = false) {
    this.said.hidden = false;
    this.said.className = bad ? "said bad" : "said";
    this.said.replaceChildren(...lines.map((line) => el("p", line)));
    announce(lines.join(" "));
  }

  // ---- how long it stays

  promise() {
    const section = el("section", el("h2", "How long it stays"));
    const state = el("p");
    section.append(state);
    const { storage } = navigator;
    const safari = link(SAFARI, "Safari deletes what a site has stored");
    safari.rel = "noopener";
    section.append(el("p.facts", "Browsers may delete what sites keep when the disk is full. ", safari, " after seven days of use in which you did not come here. A file is the only copy that is yours alone."));
    if (!storage?.persist) {
      state.textContent = "This browser can’t be asked to keep it: it answers only to sites that come over https.";
      return section;
    }
    const ask = button("Ask the browser to keep it", async () => {
      const yes = await storage.persist().catch(() => false);
      tell(yes, yes ? "The browser was asked, and said yes: it deletes this only when you do." : "The browser was asked, and said no. It may still delete it: save it to a file. Some say yes once you come often.");
      announce(state.textContent);
    });
    const tell = (yes, words) => {
      state.textContent = words;
      ask.hidden = yes;
    };
    tell(true, "");
    section.append(ask);
    storage.persisted().catch(() => false).then((yes) =>
      tell(yes, yes ? "This browser has promised to keep it: it deletes this only when you do." : "This browser has promised nothing: it may delete this to make room."));
    return section;
  }

  // ---- what there is

  draw() {
    const sections = [this.code(), this.aside(), this.exercises(), this.guesses(), this.answered(), this.read()].filter(Boolean);
    const also = el("p.facts", `${theme() ? `The theme that you chose: ${theme()}. ` : ""}What you set on a page, its sliders and its code, also stands in that page’s address, and so in your browser’s history. Weights and tables that demos have fetched are stored, too; nothing of you is in them.`);
    this.list.replaceChildren(...(sections.length ? sections : [el("section", el("h2", "What there is"), el("p", "Nothing yet. What you read, pass, write and guess will be listed here."))]), also);
  }

  section(title, ...inside) {
    return el("section", el("h2", title), ...inside);
  }

  title(slug) {
    return this.known?.[slug]?.[0] ?? slug;
  }

  /** What stands or stood in a page: a link to it, or to its page, where there is one. */
  place(slug, id, words) {
    if (this.known && !this.known[slug]) return el("span", `${words} on ${slug}`);
    const there = link(`${slug}.html${id ? `#${id}` : ""}`, id ? words : this.title(slug));
    return id ? el("span", there, ` on ${this.title(slug)}`) : el("span", `${words} on `, there);
  }

  gone = (slug, what) => (this.known?.[slug] ? `${what} is no longer on its page.` : "Its page is no longer there.");

  texts(rows) {
    const items = rows.map(({ head, facts, warn = "", text, forget }) => {
      const copy = button("Copy", async (self) => (self.textContent = (await copyText(text)) ? "Copied" : "Select the text to copy it"));
      const go = button("Forget this", (self) => {
        if (self.dataset.sure) return forget(), this.draw();
        self.dataset.sure = "yes";
        self.textContent = "Forget it? Press again";
      });
      const pre = el("pre", text);
      pre.tabIndex = 0;
      pre.setAttribute("role", "region");
      pre.setAttribute("aria-label", "Your text");
      const details = el("details", el("summary", `Your text, ${count(text.split("\n").length, "line")}`), pre, el("div.does", copy, go));
      return el("li", el("p", head), el("p.facts", facts), warn ? el("p.warn", warn) : "", details);
    });
    return el("ul.things", ...items);
  }

  code() {
    const rows = Object.entries(kept("code")).map(([name, { text, day, of }]) => {
      const [slug, place] = name.split("#");
      const [kind, ...called] = place.split(".");
      const now = this.known?.[slug]?.[1][place];
      const what = kind === "exercise" ? "This exercise" : "This function";
      const words = kind === "exercise" ? called.join(".").replaceAll("_", " ") : called.join(".");
      const warn = !this.known ? "" : now === undefined ? this.gone(slug, what) : of && of !== now ? `${what} has changed since: your text may not fit it.` : "";
      return {
        head: this.place(slug, now === undefined ? "" : place.replace(".", "-"), words),
        facts: `${kind === "exercise" ? "Your answer to an exercise" : "Your edit of a function"}, ${inWords(day)}`,
        warn,
        text,
        forget: () => keep("code", ({ [name]: _, ...others }) => others),
      };
    });
    return rows.length && this.section("What you wrote", this.texts(rows));
  }

  /** Of what was set aside: where it was from. */
  named(name) {
    const [slug, place] = name.split("#");
    if (!place) return `What lay here under “${name}”`;
    return this.place(slug, "", place.startsWith("guess-") ? "A guess" : place.split(".").pop());
  }

  aside() {
    const rows = kept("earlier").map(({ name, text, day, why }) => ({
      head: this.named(name),
      facts: `${inWords(day)}. Set aside, since ${WHY[why] ?? "it had to give way"}.`,
      text,
      forget: () => keep("earlier", (others) => others.filter((row) => row.name !== name || row.text !== text)),
    }));
    return rows.length && this.section("Set aside", el("p", "Texts of yours that had to give way to others. They are kept here until you forget them."), this.texts(rows));
  }

  exercises() {
    const passes = kept("passes");
    const rows = kept("passed").map((name) => {
      const [slug, called] = name.split(".");
      const now = this.known?.[slug]?.[1][`exercise.${called}`];
      const { day, of } = passes[name] ?? {};
      const warn = !this.known ? "" : now === undefined ? this.gone(slug, "This exercise") : of && of !== now ? "This exercise has changed since." : "";
      return el("li", el("p", this.place(slug, now === undefined ? "" : `exercise-${called}`, called.replaceAll("_", " "))), day ? el("p.facts", inWords(day)) : "", warn ? el("p.warn", warn) : "");
    });
    return rows.length && this.section("Exercises that you passed", el("ul.things", ...rows));
  }

  guesses() {
    const rows = Object.entries(kept("guesses")).map(([name, { ask, guess, right, day }]) => {
      const [slug, id] = name.split("#");
      const here = this.known?.[slug]?.[2].includes(id);
      const warn = this.known && !here ? (this.known[slug] ? "This question is no longer on its page, or stands there in other words." : "Its page is no longer there.") : "";
      return el("li", el("p", this.place(slug, here ? id : "", ask)), el("p.facts", `You guessed “${guess}”, ${inWords(day)}: ${right ? "right" : "not quite"}.`), warn ? el("p.warn", warn) : "");
    });
    return rows.length && this.section("What you guessed", el("ul.things", ...rows));
  }

  answered() {
    const names = kept("known");
    const gone = this.known ? names.filter((name) => !this.known[name.split("#")[0]]?.[2].includes(name.split("#")[1])).length : 0;
    const lost = gone ? ` ${gone} of them ${gone === 1 ? "is" : "are"} no longer there, or ask in other words.` : "";
    return names.length && this.section("Questions that you can answer", el("p", `${count(names.length, "question")}, marked on `, link("practice.html", "Practice"), `.${lost}`));
  }

  read() {
    const rows = kept("read").flatMap((slug, i) => [i ? ", " : "", this.known && !this.known[slug] ? slug : link(`${slug}.html`, this.title(slug))]);
    return rows.length && this.section("Pages that you read", el("p", ...rows, "."));
  }
}

customElements.define("what-is-yours", WhatIsYours);
