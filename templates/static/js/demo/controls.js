// Reads and writes the native inputs of a demo (drawn by templates/controls.html). Knows nothing of Python, and of
// links only that a value is a text there.
//
// A control is an element [data-control=name][data-kind=…], its input the one with an id; sliders and choices carry
// their exact values as JSON in data-stops, so that Python gets the numbers that it declared.

import { part } from "../page/parts.js";

const stops = (control) => JSON.parse(control.dataset.stops);
const input = (control) => control.querySelector("[id]");
const chosen = (control) => control.querySelector("input:checked, option:checked");
const place = (control, text) => stops(control).findIndex((stop) => String(stop) === text);

const READ = {
  slider: (control) => stops(control)[Number(input(control).value)],
  choice: (control) => stops(control)[Number(chosen(control).value)],
  toggle: (control) => input(control).checked,
  text: (control) => input(control).value,
  seed: (control) => {
    const { value, max } = input(control);
    return Math.min(Math.max(Math.round(Number(value)) || 0, 0), Number(max));
  },
};

export const controlsOf = (form) => [...form.querySelectorAll("[data-control]")];

const read = (control) => READ[control.dataset.kind](control);

/** {name: value} of all controls of a form. */
export function readControls(form) {
  return Object.fromEntries(controlsOf(form).map((control) => [control.dataset.control, read(control)]));
}

/** Show the values beside the sliders, and let assistive technology read them with their units. */
export function labelControls(form) {
  for (const control of controlsOf(form)) {
    if (control.dataset.kind !== "slider") continue;
    const text = numberText(read(control));
    control.querySelector(".typed input").value = text;
    control.querySelector("output").textContent = "";
    input(control).setAttribute("aria-valuetext", `${text} ${control.dataset.unit}`.trim());
  }
}

/** A number as builder/templating.py writes it. */
export const numberText = new Intl.NumberFormat("en-US", { maximumFractionDigits: 12 }).format;

/** [[label, value with its unit], …] as a reader sees them. */
export function describeControls(form) {
  return controlsOf(form).map((control) => {
    const value = read(control);
    const text = typeof value === "number" && control.dataset.kind !== "seed" ? numberText(value) : sayable(value);
    return [control.querySelector("legend, label").textContent.trim(), `${text} ${control.dataset.unit ?? ""}`.trim()];
  });
}

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
  seed: (control) => input(control).value === input(control).defaultValue,
};

const ACCEPTS = {
  slider: (control, text) => place(control, text) >= 0,
  choice: (control, text) => place(control, text) >= 0,
  toggle: (_, text) => text === "on" || text === "off",
  text: (control, text) => text.length <= input(control).maxLength,
  seed: (control, text) => /^\d{1,9}$/.test(text) && Number(text) <= Number(input(control).max),
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

// ---- exact values, typed beside a slider

/** A typed value moves its slider to the nearest stop, and says so where that is another number. */
export function wireTyping(form) {
  const typed = ({ target }) => target.closest(".typed");
  form.addEventListener("input", (event) => typed(event) && event.stopImmediatePropagation()); // not yet a value
  form.addEventListener("change", (event) => typed(event) && typedInto(event.target));
}

function typedInto(field) {
  const control = field.closest("[data-control]");
  if (field.value === numberText(read(control))) return;
  const wanted = parseNumber(field.value);
  const near = Number.isNaN(wanted) ? read(control) : nearest(stops(control), wanted);
  input(control).value = place(control, String(near));
  input(control).dispatchEvent(new Event("input", { bubbles: true }));
  if (near !== wanted) control.querySelector("output").textContent = `${Number.isNaN(wanted) ? "not a number: kept" : "nearest:"} ${numberText(near)}`;
}

const parseNumber = (text) => Number(text.replace(/[,\s]/g, "").replace("−", "-").match(/^[-+]?[\d.]+(e[-+]?\d+)?/i)?.[0] ?? NaN);

const nearest = (values, wanted) => values.reduce((best, value) => (Math.abs(value - wanted) < Math.abs(best - wanted) ? value : best));
