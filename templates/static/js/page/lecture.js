// A page's questions and demos one at a time, in large type, for a hall. Nothing is moved in the page: what is shown lies
// over the rest, and the rest is hidden (css/lecture.css), for the eye, the keyboard and a screen reader alike.
// Knows that an element's linkName is its name in the address; no demo.
import { announce } from "./announce.js";
import { adopt } from "./style.js";

/* global LECTURE_STYLE */ // defined by builder/bundle/assets.py: css/lecture.css

adopt(LECTURE_STYLE);

const STEPS = { PageDown: 1, ArrowRight: 1, PageUp: -1, ArrowLeft: -1 };
const OWN = "input, select, textarea, td, [contenteditable]"; // what has a use for the arrow keys itself

const BAR = `<p aria-live="off"></p><button type="button" data-step="-1" aria-label="Previous">◀</button>
<output></output><button type="button" data-step="1" aria-label="Next">▶</button><button type="button" data-leave>Leave</button>`;

/** Show the page's slide of this name, or the one nearest to where the reader is. {at, go, leave}. */
export function present(name, { moved, left }) {
  const root = document.documentElement;
  const before = { place: scrollY, focus: document.activeElement };
  const slides = [...document.querySelectorAll(".topic :is(predict-block, llm-demo)")];
  const bar = Object.assign(document.createElement("div"), { className: "lecture-bar", innerHTML: BAR });
  const listening = new AbortController();
  const { signal } = listening;
  let at = -1;

  function show(i) {
    if (i === at || !slides[i]) return;
    hide();
    at = i;
    const slide = slides[i];
    slide.classList.add("presented");
    slide.tabIndex = -1;
    slide.scrollTop = 0;
    slide.focus({ preventScroll: true });
    const place = `${i + 1} of ${slides.length}`;
    bar.querySelector("p").textContent = headingOf(slide);
    bar.querySelector("output").textContent = place;
    for (const button of bar.querySelectorAll("[data-step]")) button.setAttribute("aria-disabled", !slides[i + Number(button.dataset.step)]);
    announce(`${place}: ${headingOf(slide)}`);
    document.dispatchEvent(new Event("lecture"));
    moved();
  }

  function hide() {
    slides[at]?.classList.remove("presented");
    slides[at]?.removeAttribute("tabindex");
  }

  function leave() {
    if (signal.aborted) return;
    listening.abort();
    hide();
    bar.remove();
    root.classList.remove("lecture");
    if (document.fullscreenElement === root) document.exitFullscreen().catch(() => {});
    document.dispatchEvent(new Event("lecture"));
    scrollTo({ top: before.place, behavior: "instant" });
    before.focus?.focus({ preventScroll: true });
    left();
  }

  // A clicker sends PageDown and PageUp: they are never a slider's here.
  function key(event) {
    const { key, target } = event;
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === "Escape") return leave();
    if (!STEPS[key] || (key.startsWith("Arrow") && target.closest?.(OWN))) return;
    event.preventDefault();
    show(at + STEPS[key]);
  }

  root.classList.add("lecture");
  document.body.append(bar);
  bar.addEventListener("click", ({ target }) => {
    const { step } = target.closest("[data-step]")?.dataset ?? {};
    if (step) show(at + Number(step));
    if (target.closest("[data-leave]")) leave();
  });
  document.addEventListener("keydown", key, { signal });
  // Escape in full screen is the browser's own key: who leaves the one leaves the other
  document.addEventListener("fullscreenchange", () => document.fullscreenElement || leave(), { signal });
  addEventListener("resize", () => document.dispatchEvent(new Event("lecture")), { signal });
  const named = slides.findIndex(({ linkName }) => linkName === name);
  show(named < 0 ? nearest(slides) : named);
  return {
    get at() {
      return slides[at].linkName;
    },
    go: (wanted) => show(slides.findIndex(({ linkName }) => linkName === wanted)),
    leave,
  };
}

// The first that is not above the window, else the first of all.
const nearest = (slides) => Math.max(slides.findIndex((slide) => slide.getBoundingClientRect().bottom > 0), 0);

/** The heading under which an element stands. */
function headingOf(slide) {
  const before = (heading) => slide.compareDocumentPosition(heading) & Node.DOCUMENT_POSITION_PRECEDING;
  const heading = [...document.querySelectorAll(".topic :is(h1, h2)")].filter(before).at(-1);
  return [...heading.childNodes].filter((node) => !node.matches?.(".anchor")).map((node) => node.textContent).join("").trim();
}
