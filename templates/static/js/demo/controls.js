// Reads and writes the native inputs of a demo (drawn by templates/controls.html). Knows nothing of Python, and of
// links only that a value is a text there.
//
// A control is an element [data-control=name][data-kind=…], its input the one with an id; sliders and choices carry
// their exact values as JSON in data-stops, so that Python gets the numbers that it declared.

import { part } from "../page/parts.js";
import { readNumber } from "./number.js";

const stops = (control) => JSON.parse(control.dataset.stops);
const input = (control) => control.querySelector("[id]");
const chosen = (control) => control.querySelector("input:checked, option:checked");
const place = (control, text) => stops(control).findIndex((stop) => String(stop) === text);

const READ = {
  slider: (control) => stops(control)[Number(input(control).value)],
  choice: (control) => stops(control)[Number(chosen(control).value)],
  toggle: (control) => input(control).checked,
  text: (control) => input(control).value,
  seed: (control) => (seedIn(control) ? (control.used = seedOf(control)) : (control.used ?? Number(input(control).defaultValue))),
};

// A seed that is half typed, or none, changes nothing: what was used stays in use, and the control says so.
const seedOf = (control) => readNumber(input(control).value, [0, most(control)]);
const seedIn = (control) => Number.isInteger(seedOf(control)) && seedOf(control) >= 0 && seedOf(control) <= most(control);
const most = (control) => Number(control.dataset.most);

/** Counted, not drawn: it can be told to a friend. */
export function nextSeed(control) {
  input(control).value = (read(control) + 1) % (most(control) + 1);
}

export const controlsOf = (form) => [...form.querySelectorAll("[data-control]")];

const read = (control) => READ[control.dataset.kind](control);

/** {name: value} of all controls of a form. */
export function readControls(form) {
  return Object.fromEntries(controlsOf(form).map((control) => [control.dataset.control, read(control)]));
}

/** Show the values beside the sliders, let assistive technology read them with their units, and paper show them whole. */
export function labelControls(form) {
  for (const control of controlsOf(form)) {
    const [, text] = describe(control);
    control.dataset.shown = text; // live.css prints it: a field shows no more than fits
    if (control.dataset.kind === "seed") say(control, seedIn(control) ? "" : noSeed(control));
    if (control.dataset.kind !== "slider") continue;
    control.querySelector(".typed input").value = numberText(read(control));
    if (names(control)) control.querySelector(".nudge b").textContent = names(control)[input(control).value];
    say(control, "");
    input(control).setAttribute("aria-valuetext", text);
  }
}

const say = (control, text) => (control.querySelector("output").textContent = text);
const noSeed = (control) => `not a whole number from 0 to ${numberText(most(control))}: ${read(control)} is used`;

/** A number as builder/templating.py writes it. */
export const numberText = new Intl.NumberFormat("en-US", { maximumFractionDigits: 12 }).format;

/** [[label, value with its unit], …] as a reader sees them. */
export const describeControls = (form) => controlsOf(form).map(describe);

function describe(control) {
  const value = read(control);
  const text = typeof value === "number" && control.dataset.kind !== "seed" ? numberText(value) : sayable(value);
  const unit = names(control)?.[input(control).value] ?? control.dataset.unit ?? "";
  return [control.querySelector("legend, label").textContent.trim(), `${text} ${unit}`.trim()];
}

const names = ({ dataset }) => dataset.names && JSON.parse(dataset.names);

const sayable = (value) => (typeof value === "boolean" ? (value ? "on" : "off") : String(value));

/** An input over the house model's vocabulary offers its words once somebody is in it. */
export function wireSuggestions(form) {
  for (const element of form.querySelectorAll("[data-suggest]")) {
    const begin = () => part("suggest").then(({ suggest }) => suggest(element), wire); // or at the next visit
    const wire = () => element.addEventListener("focus", begin, { once: true });
    wire();
  }
}

/** Native inputs are disabled in the HTML: without JavaScript they could do nothing. */
export function enableControls(form) {
  for (const element of form.elements) element.disabled = false;
}

// ---- values as texts, for links

const DEFAULT = {
  slider: (control) => input(control).value === input(control).defaultValue,
  choice: (control) => chosen(control).defaultChecked ?? chosen(control).defaultSelected,
  toggle: (control) => input(control).checked === input(control).defaultChecked,
  text: (control) => input(control).value === input(control).defaultValue,
  seed: (control) => String(read(control)) === input(control).defaultValue,
};

const ACCEPTS = {
  slider: (control, text) => place(control, text) >= 0,
  choice: (control, text) => place(control, text) >= 0,
  toggle: (_, text) => text === "on" || text === "off",
  text: (control, text) => text.length <= input(control).maxLength,
  seed: (control, text) => /^\d{1,9}$/.test(text) && Number(text) <= most(control),
};

const PUT = {
  slider: (control, text) => (input(control).value = place(control, text)),
  choice: (control, text) => {
    const option = control.querySelector(`[value="${place(control, text)}"]`);
    option[option.matches("option") ? "selected" : "checked"] = true;
  },
  toggle: (control, text) => (input(control).checked = text === "on"),
  text: (control, text) => (input(control).value = text),
  seed: (control, text) => (input(control).value = text),
};

/** Map of name → text of the controls that are not at their defaults. */
export function changedControls(form) {
  const changed = controlsOf(form).filter((control) => !DEFAULT[control.dataset.kind](control));
  return new Map(changed.map((control) => [control.dataset.control, sayable(read(control))]));
}

/** Of a link's values those that the controls can take, in the form's order; undefined when it means another form. */
export function accepted(form, values) {
  if (!values) return undefined;
  const able = controlsOf(form).filter(({ dataset }) => values.has(dataset.control));
  const good = able.filter((control) => ACCEPTS[control.dataset.kind](control, values.get(control.dataset.control)));
  if (values.size && !good.length) return undefined;
  return new Map(good.map(({ dataset }) => [dataset.control, values.get(dataset.control)]));
}

/** Set these controls, and all others to their defaults: the form's own reset event tells the demo. */
export function putControls(form, values) {
  form.reset();
  for (const control of controlsOf(form)) {
    const text = values.get(control.dataset.control);
    if (text !== undefined) PUT[control.dataset.kind](control, text);
  }
  labelControls(form);
}

// ---- exact values, typed beside a slider, its ◀ ▶, and seeds

/** A typed value moves its slider to the nearest stop, and says so where that is another number. A field of a seed shows
 *  the seed that is used, once it is left. */
export function wireTyping(form) {
  const typed = ({ target }) => target.closest(".typed");
  form.addEventListener("input", (event) => typed(event) && event.stopImmediatePropagation()); // not yet a value
  form.addEventListener("change", (event) => typed(event) && typedInto(event.target));
  form.addEventListener("change", ({ target }) => target.closest(".seed") && leaveSeed(target.closest("[data-control]")));
  form.addEventListener("click", ({ target }) => target.closest("[data-nudge]") && nudge(target.closest("[data-nudge]")));
}

// ◀ ▶ of a slider whose stops have names
function nudge({ dataset, parentElement }) {
  const slider = input(parentElement.closest("[data-control]"));
  slider.value = Number(slider.value) + Number(dataset.nudge);
  slider.dispatchEvent(new Event("input", { bubbles: true }));
}

function leaveSeed(control) {
  const told = seedIn(control) ? "" : noSeed(control);
  input(control).value = String(read(control));
  say(control, told);
}

function typedInto(field) {
  const control = field.closest("[data-control]");
  if (field.value === numberText(read(control))) return;
  const wanted = readNumber(field.value, stops(control), control.dataset.unit);
  const near = Number.isNaN(wanted) ? read(control) : nearest(stops(control), wanted);
  input(control).value = place(control, String(near));
  input(control).dispatchEvent(new Event("input", { bubbles: true }));
  if (near !== wanted) control.querySelector("output").textContent = `${Number.isNaN(wanted) ? "not a number: kept" : "nearest:"} ${numberText(near)}`;
}

const nearest = (values, wanted) => values.reduce((best, value) => (Math.abs(value - wanted) < Math.abs(best - wanted) ? value : best));
