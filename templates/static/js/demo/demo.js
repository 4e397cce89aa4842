// <llm-demo>: controls on one side, views on the other, and between them whichever layer can answer first.
// Knows the kinds of demo and of answer; knows neither Pyodide nor Plotly.
//
//   static → the build's own figure            busy  → Python is computing
//   grid   → a precomputed frame               live  → Python has answered
//   booting → Python is starting for us        error → it failed; Retry is offered
import { addressLater, linkTo, restore } from "../page/address.js";
import { accepted, changedControls, describeControls, enableControls } from "./controls.js";
import { labelControls, nextSeed, putControls, readControls, wireSuggestions, wireTyping } from "./controls.js";
import { enliven } from "./enliven.js";
import { loadGrid } from "./grid.js";
import { callPython, goOnPython, onPython, pythonStatus, retryPython, startPython } from "../python/python.js";
import { showTools, wireTools } from "./tools.js";
import { announce } from "../page/announce.js";
import { part, partAgain } from "../page/parts.js";
import { reportAddress } from "../page/report.js";
import "./touch.js"; // from the start: the first touch may be the one that scrolls

const BUSY_AFTER = 150; // ms before a running call is shown as busy: most answers come sooner
const SETTLED = 800; // ms of stillness before the text alternative is read out

const drawing = () => part("live"); // what draws views is not needed before something moves

const RETRY = `<button type="button" data-retry>Retry</button>`;
const RELOAD = `<button type="button" data-reload>Reload</button>`; // early.js reloads, with the state in the address

class LlmDemo extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.stage = this.querySelector(".demo-views");
    this.bar = this.querySelector(".demo-status");
    this.linkName = this.id.replace("demo-", "");
    this.form.addEventListener("submit", (event) => event.preventDefault());
    wireTyping(this.form);
    wireSuggestions(this.form);
    this.form.addEventListener("input", () => this.moved());
    this.form.addEventListener("reset", () => setTimeout(() => this.moved()));
    this.addEventListener("click", (event) => this.clicked(event));
    enableControls(this.form);
    labelControls(this.form);
    enliven(this.stage);
    this.touched = false;
    this.views = null; // the last answer
    this.turns = 0; // how many answers were to be shown
    this.pinned = null; // {views, values}: an earlier answer to compare with, and what the controls said then
    this.running = null; // {args, cancel}: one call in flight
    this.pending = null; // args: and one latest pending
    wireTools(this);
    restore(this);
    this.unsubscribe = onPython(() => this.pythonChanged());
    this.edited = () => this.codeEdited();
    document.addEventListener("code-edited", this.edited);
    this.watchVisibility();
  }

  disconnectedCallback() {
    this.unsubscribe();
    document.removeEventListener("code-edited", this.edited);
    this.visibility?.disconnect();
    clearTimeout(this.announcement);
    this.pending = null;
    this.running?.cancel();
    this.running = null;
  }

  // A demo in view goes live by itself once Python is there: hovering works, and the first move is fast.
  watchVisibility() {
    this.visibility = new IntersectionObserver(
      (entries) => {
        this.visible = entries.at(-1).isIntersecting; // a busy page is told of several changes at once: the last one holds
        this.pythonChanged();
      },
      { rootMargin: "200px" },
    );
    this.visibility.observe(this);
  }

  get onButton() {
    return this.getAttribute("kind") === "live";
  }

  set state(value) {
    this.setAttribute("state", value);
    this.stage.setAttribute("aria-busy", String(value === "busy"));
  }

  get state() {
    return this.getAttribute("state");
  }

  moved() {
    this.touched = true;
    labelControls(this.form);
    addressLater();
    if (!this.onButton) this.ask(readControls(this.form));
    else if (!this.running && (this.views || this.stage.querySelector(".view-figure"))) this.status("Press Run: what is shown is older.", "");
  }

  // ---- its part of a link (address.js)

  linkValues() {
    return changedControls(this.form);
  }

  linkAccepts(values) {
    return accepted(this.form, values);
  }

  /** Set the controls to a link's values; the form's reset event then asks for their answer. */
  linkPut(values) {
    const same = JSON.stringify([...values]) === JSON.stringify([...changedControls(this.form)]);
    if (!same) putControls(this.form, values);
  }

  /** The address that opens the page at this demo, as it stands, and what it can't hold: {href, left}. */
  link() {
    return linkTo(this);
  }

  async report() {
    const address = reportAddress(this.querySelector(".figure-number").textContent, (await this.link()).href);
    if (document.documentElement.dataset.home) open(address, "_blank", "noopener"); // in a frame: it would be refused there
    else location.assign(address);
  }

  /** The views of the controls as they stand, if they are here already, or null. */
  get answered() {
    return this.running || this.waiting ? null : this.views;
  }

  /** The same, asked for if need be; null when they can't be had. */
  async current() {
    if (!this.views && !this.running && !this.waiting) this.ask(readControls(this.form));
    while (this.running || (this.waiting && pythonStatus().status !== "broken")) {
      await new Promise((resolve) => this.addEventListener("answered", resolve, { once: true }));
    }
    return this.views;
  }

  /** Keep {views, values} behind whatever comes; null lets them go. */
  pin(pinned) {
    this.pinned = pinned;
    drawing().then(({ showViews }) => showViews(this.stage, this.views, this.comparison));
  }

  get comparison() {
    return this.pinned && { pinned: this.pinned, values: describeControls(this.form) };
  }

  clicked({ target }) {
    if (target.closest("[data-run]")) {
      this.touched = true;
      this.ask(readControls(this.form));
    }
    if (target.closest("[data-stop]")) this.stop();
    if (target.closest("[data-go-on]")) this.request(readControls(this.form), goOnPython);
    if (target.closest("[data-new-seed]")) this.newSeed(target.closest("[data-control]"));
    if (target.closest("[data-retry]")) {
      partAgain("live");
      retryPython();
      this.ask(readControls(this.form));
    }
  }

  newSeed(control) {
    nextSeed(control);
    this.moved();
  }

  stop() {
    this.pending = null;
    this.running?.cancel(true);
  }

  pythonChanged() {
    const python = pythonStatus();
    if (python.status === "booting" && (this.running || this.waiting)) this.showBoot(python);
    if (python.status === "broken" && this.waiting) this.failed(python);
    if (python.status === "ready") {
      const unseen = this.state === "static" && this.visible && !this.onButton;
      if (this.waiting || unseen) this.ask(readControls(this.form));
    }
  }

  // The reader's code stands in the place of ours now, or ours again: what is shown must come from it.
  codeEdited() {
    if (!this.onButton) this.ask(readControls(this.form));
  }

  /** Show these arguments as soon as something can: a grid frame now, Python when it is there. */
  ask(args) {
    const { status } = pythonStatus();
    if (status !== "ready") return this.await(args);
    this.waiting = false;
    if (this.running) {
      this.pending = args;
      if (this.running.steps) this.running.cancel(); // a long run of old values is of no use
    } else this.request(args);
  }

  await(args) {
    this.waiting = true;
    this.fromGrid(args);
    startPython();
    const python = pythonStatus();
    if (python.status === "broken") this.failed(python);
    else this.showBoot(python);
  }

  async fromGrid(args) {
    const frame = await loadGrid(this.getAttribute("grid")).then((grid) => grid?.frameFor(args));
    if (!frame || !this.waiting || this.stale(args)) return;
    await this.show(frame.views, { quiet: true });
    if (!this.waiting || this.state === "error") return; // Python has answered, or has said that it won't
    this.state = "grid";
    this.setAttribute("grid-at", frame.at);
  }

  stale(args) {
    return JSON.stringify(args) !== JSON.stringify(readControls(this.form));
  }

  async request(args, call = callPython) {
    const { done, cancel } = call(this.getAttribute("call"), args, (views) => this.progress(run, views));
    const run = { args, cancel, steps: 0 };
    this.running = run;
    const busy = setTimeout(() => this.running === run && this.working(run.progress), this.onButton ? 0 : BUSY_AFTER);
    try {
      const views = await done;
      this.next(run);
      const shown = await this.show(views);
      if (shown && !this.running) this.settled();
    } catch (problem) {
      const last = this.running === run;
      this.next(run);
      if (last && !this.running) this.failed(problem);
    } finally {
      clearTimeout(busy);
    }
  }

  // The next call leaves before this one's answer is painted, so that Python works while the page draws.
  next(run) {
    if (this.running !== run) return;
    this.running = null;
    const args = this.pending;
    this.pending = null;
    if (args) this.request(args);
  }

  progress(run, views) {
    if (this.running !== run) return;
    run.steps += 1;
    run.progress = views.find((view) => view.view === "progress");
    if (this.state === "busy") this.working(run.progress); // a short run needs no bar
    if (views.some((view) => view.view !== "progress")) this.show(views, { quiet: true });
  }

  /** Tells whether the answer has found its place; where it could not be drawn, `failed` has said so. */
  async show(views, { quiet = false } = {}) {
    if (!this.isConnected) return false;
    const turn = (this.turns += 1);
    try {
      const { canPin, news, refusal, showViews, spoken } = await drawing();
      this.news = news;
      this.refusal = refusal(views, this.stage);
      if (this.refusal) return this.refused();
      this.views = views;
      await showViews(this.stage, views, this.comparison);
      this.pinnable = canPin(views);
      this.lines = spoken(views);
      if (!this.touched) this.hear();
    } catch (problem) {
      const { message, updated } = problem;
      const last = turn === this.turns; // else a later answer stands there, or will say so itself
      if (last) this.failed({ message: `The figure could not be drawn: ${message}`, updated });
      return false;
    }
    showTools(this);
    this.dispatchEvent(new Event("answered"));
    if (!quiet && this.touched) this.announceLater();
    return true;
  }

  refused() {
    this.lines = { first: [this.refusal], then: [] };
    this.dispatchEvent(new Event("answered"));
    this.announceLater();
    return true;
  }

  announceLater() {
    clearTimeout(this.announcement);
    this.announcement = setTimeout(() => {
      announce(this.news(this.lines, this.heard));
      this.hear();
    }, SETTLED);
  }

  hear() {
    this.heard = [...this.lines.first, ...this.lines.then];
  }

  settled() {
    this.state = "live";
    this.leaveBar();
    if (this.refusal) this.status(this.refusal, "");
    else this.bar.replaceChildren();
    this.dispatchEvent(new CustomEvent("painted", { bubbles: true }));
  }

  working(progress) {
    this.state = "busy";
    const fraction = progress ? ` value="${Number(progress.done)}" max="${Number(progress.total)}"` : "";
    const label = progress?.label ?? "Computing";
    this.status(label, `<progress aria-label="Progress"${fraction}></progress><button type="button" data-stop>Stop</button>`);
  }

  showBoot({ phase = "Starting Python", loaded = 0, total = 0, trouble }) {
    if (this.state !== "grid") this.state = "booting";
    if (trouble) return this.status(trouble, RETRY);
    const fraction = total ? ` value="${Number(loaded)}" max="${Number(total)}"` : "";
    const size = total ? ` ${(loaded / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB` : "";
    const shown = this.state === "grid" ? "Precomputed frame shown. " : "";
    this.status(`${shown}${phase}${size}`, `<progress aria-label="Starting Python"${fraction}></progress>`);
  }

  failed({ kind, message, traceback, updated }) {
    if (kind === "stopped") return this.stopped();
    if (this.state === "grid" && kind !== "python") this.setAttribute("grid-only", "");
    this.state = "error";
    this.status(message, updated ? RELOAD : RETRY);
    if (traceback) {
      const details = document.createElement("details");
      details.innerHTML = "<summary>Traceback</summary><pre></pre>";
      details.querySelector("pre").textContent = traceback;
      this.bar.append(details);
    }
    announce(message);
    this.dispatchEvent(new CustomEvent("demo-failed", { bubbles: true, detail: { message, traceback } }));
    this.dispatchEvent(new Event("answered"));
  }

  stopped() {
    this.state = "live";
    this.leaveBar();
    this.status("Stopped. What is shown is what had been computed by then.", `<button type="button" data-go-on>Go on</button>`);
    announce("Stopped.");
    this.dispatchEvent(new Event("answered")); // who waits for a whole answer gets what there is
  }

  // A Stop button in focus is about to go: the focus goes where the run began.
  leaveBar() {
    if (this.bar.contains(document.activeElement)) this.form.querySelector("[data-run], [type=reset]")?.focus();
  }

  // The bar is rewritten in place: its parts keep their identity, so that a focused Stop button stays focused.
  status(text, controls) {
    if (this.bar.dataset.controls !== controls.replace(/ value="[^"]*"/, "") || !this.bar.firstElementChild) {
      this.bar.innerHTML = `<span></span>${controls}`;
      this.bar.dataset.controls = controls.replace(/ value="[^"]*"/, "");
    }
    this.bar.firstElementChild.textContent = text;
    const value = controls.match(/ value="([^"]*)"/)?.[1];
    if (value) this.bar.querySelector("progress").value = Number(value);
  }
}

customElements.define("llm-demo", LlmDemo);
