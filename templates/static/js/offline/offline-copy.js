// <offline-copy>: the switch of the offline copy, on a page of its own. The only place where a service worker is
// registered: who never presses its button has none.
//
//   unable                                  says why, and what helps
//   off → loading → on                      the worker is registered once all is here
//          ↕ stop        ↘ off              switched off: worker and store are gone
//         part: some is here, not in use
//
// The state stands in its attribute `state`. A download goes on while the reader walks about in the tab. Knows the worker
// by its address alone.
import { announce } from "../page/announce.js";
import { adopt } from "../page/style.js";
import { explained } from "../net/updated.js";
import { isSame, offlineCopy } from "./held.js";

/* global OFFLINE_STYLE */ // defined by builder/bundle/assets.py: css/offline.css

const STOPPED = new Error("Stopped.");
const HTML = `<p class="said"></p><progress hidden aria-label="What has come"></progress><p class="more"></p>
<p class="acts" hidden><button type="button" data-act="go"></button> <button type="button" data-act="stop">Stop</button> <button type="button" data-act="remove"></button></p>`;

const scope = new URL("./", document.baseURI).href; // pages are flat: the folder of each is the site's
const copy = offlineCopy(scope);
const elements = new Set();
let run; // the download under way: {stop, loaded, total}
let note = ""; // what the last press came to
let promised; // what the browser has answered to persist(), in words

adopt(OFFLINE_STYLE);

const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
const sum = (files) => files.reduce((total, [, bytes]) => total + bytes, 0);
const day = (since) => new Date(since).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
const quietly = (ask) => Promise.resolve().then(ask).catch(() => undefined);

const ARCHIVE = "The archive below needs none of this.";

/** Why nothing can be kept here, and what helps; "" when it can. */
async function obstacle() {
  if (window.top !== window) return "This page stands in a frame of another page. Open it in a tab of its own.";
  if (!isSecureContext) return `This address is plain http, and browsers keep pages only for https (and for localhost). Open the site by https, if it has that. ${ARCHIVE}`;
  try {
    if (!navigator.serviceWorker || !caches) throw new Error("it has no service workers");
    await copy.held();
    return "";
  } catch (error) {
    return `This browser keeps no pages here: ${error.message}. That is so in some private windows, and where cookies are blocked: open this page in an ordinary window, or allow this site to store data. ${ARCHIVE}`;
  }
}

async function registered() {
  const found = await navigator.serviceWorker.getRegistration(scope);
  return found?.scope === scope ? found : undefined; // another site of this origin may have one above ours
}

/** What is so now: {state, said, more, go, remove}: the texts of its lines and buttons; no text, no button. */
async function now() {
  if (run) return loading();
  const why = await obstacle();
  if (why) return { state: "unable", said: why };
  const [registration, held, latest] = await Promise.all([registered(), copy.held(), quietly(copy.latest)]);
  const list = latest ?? held;
  const missing = list && (await copy.missing(list));
  if (held && registration) return on(held, latest, missing);
  if (!list) return { state: "off", said: "The list of files can’t be had: the network can’t be reached.", go: "Ask again" };
  const [total, rest] = [sum(list.files), sum(missing)];
  if (registration) return { state: "lost", said: "Switched on, but the files are gone: this browser has removed them.", go: `Fetch them again: ${mb(rest)}`, remove: "Switch off" };
  if (rest < total) return { state: "part", said: `${mb(total - rest)} of ${mb(total)} are here. They are not in use yet.`, go: `Go on: ${mb(rest)}`, remove: "Delete them" };
  return { state: "off", said: "Off: nothing is kept, and there is no service worker.", go: `Keep it on this device: ${mb(total)}` };
}

const loading = () => ({ state: "loading", said: run.total ? `${mb(run.loaded)} of ${mb(run.total)}` : "The list of files is asked for.", more: "You may read on in this tab, or stop and go on later: what has come whole stays." });

async function on(held, latest, missing) {
  const kept = `The copy of ${day(held.since)} is kept here: ${held.files.length} files, ${mb(sum(held.files))}.`;
  const changed = latest && !isSame(latest, held);
  const news = !latest ? "The network can’t be reached now." : changed ? `The site has changed since: ${missing.length} files, ${mb(sum(missing))}, have to be fetched. That happens by itself as you read.` : "It is what the site has now.";
  const tab = navigator.serviceWorker.controller ? "" : "This tab, and others that were open before, use it once they are reloaded.";
  promised ??= (await quietly(() => navigator.storage.persisted())) ? KEPT : LOOSE;
  return { state: "on", said: kept, more: `${news} ${promised} ${tab}`, go: changed && "Fetch it now", remove: "Switch off and delete" };
}

const KEPT = "Asked to keep it, this browser has promised to: it removes it only when you do.";
const LOOSE = "Asked to keep it, this browser has promised nothing: it may remove it when the device is short of room.";

const acts = {
  async go() {
    run = { stop: new AbortController(), loaded: 0, total: 0 };
    note = "";
    try {
      await fetchAll(await copy.latest());
      await register();
      note = "All of it is here, and works without a network.";
      quietly(() => navigator.storage.persist()).then((kept) => {
        promised = kept ? KEPT : LOOSE; // a browser may ask the reader first
        draw();
      });
    } catch (error) {
      note = error === STOPPED || run.stop.signal.aborted ? "Stopped." : await inWords(error);
    }
    run = undefined;
  },
  stop: async () => run?.stop.abort(STOPPED),
  async remove() {
    const registration = await registered();
    await registration?.unregister();
    await copy.remove();
    promised = undefined;
    note = `${registration ? "The service worker is removed, and all that it kept" : "What had come"} is deleted from this device.`;
  },
};

async function fetchAll(list) {
  run.total = sum(list.files);
  run.loaded = run.total - sum(await copy.missing(list));
  const onBytes = (n) => {
    run.loaded += n;
    soon();
  };
  const fill = () => copy.fill(list, { signal: run.stop.signal, onBytes });
  await (navigator.locks ? navigator.locks.request(copy.name, { signal: run.stop.signal }, fill) : fill());
}

async function register() {
  const registration = await navigator.serviceWorker.register(`${scope}offline-worker.js`, { scope, updateViaCache: "all" }); // the server says how often it is asked for; once a day at least
  const worker = registration.installing ?? registration.waiting ?? registration.active;
  if (registration.active) return;
  await new Promise((resolve, reject) => {
    worker.addEventListener("statechange", () => {
      if (worker.state === "activated") resolve();
      if (worker.state === "redundant") reject(new Error("the service worker could not be installed"));
    });
  });
}

async function inWords(error) {
  const rest = "What has come whole stays: go on when you like.";
  if (error.name === "QuotaExceededError") {
    const { quota, usage } = (await quietly(() => navigator.storage.estimate())) ?? {};
    const room = quota - usage < run.total ? ` (${mb(Math.max(quota - usage, 0))} are left)` : "";
    return `There is no room: this browser gives the site no more on this device${room}. Free some, and go on. What has come whole stays. ${ARCHIVE}`;
  }
  const { message, updated } = await explained(error);
  if (updated) return `${message}.`;
  if (!navigator.onLine) return `The network is gone (${message}). ${rest}`;
  return `It did not come to its end: ${message}. ${rest}`;
}

class OfflineCopy extends HTMLElement {
  connectedCallback() {
    this.innerHTML = HTML;
    this.addEventListener("click", ({ target }) => press(target.dataset.act));
    elements.add(this);
    draw();
  }

  disconnectedCallback() {
    elements.delete(this);
  }

  show({ state, said, more = "", go, remove }) {
    const part = (name) => this.querySelector(name);
    const texts = { ".said": [note, said].filter(Boolean).join(" "), ".more": more };
    for (const [name, text] of Object.entries(texts)) if (part(name).textContent !== text) part(name).textContent = text;
    const bar = part("progress");
    bar.hidden = state !== "loading";
    if (run?.total) [bar.max, bar.value] = [run.total, run.loaded];
    const focused = this.contains(document.activeElement);
    const buttons = { go, remove, stop: state === "loading" && "Stop" };
    for (const [act, text] of Object.entries(buttons)) {
      part(`[data-act=${act}]`).hidden = !text;
      part(`[data-act=${act}]`).textContent = text || "";
    }
    part(".acts").hidden = !Object.values(buttons).some(Boolean);
    if (focused && !document.activeElement.checkVisibility()) this.querySelector("button:not([hidden])")?.focus();
    if (state !== this.getAttribute("state")) announce(this.querySelector(".said").textContent);
    this.setAttribute("state", state);
  }
}

async function press(act) {
  if (!act) return;
  const done = acts[act]();
  draw();
  await done.catch((error) => (note = `That did not work: ${error.message}.`));
  draw();
}

let waits;
const soon = () => (waits ??= setTimeout(() => draw((waits = undefined)), 100));

let turn = 0; // the latest look counts

async function draw() {
  const own = ++turn;
  const seen = await now();
  if (own === turn) for (const element of elements) element.show(seen);
}

navigator.serviceWorker?.addEventListener("controllerchange", () => draw());
customElements.define("offline-copy", OfflineCopy);
