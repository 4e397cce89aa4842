// Reads and writes the native inputs of a demo (drawn by templates/controls.html). Knows nothing of Python.
//
// A control is an element [data-control=name][data-kind=…]; sliders and choices carry their exact values as
// JSON in data-stops, so that Python gets the numbers that it declared.

const stops = (control) => JSON.parse(control.dataset.stops);
const input = (control) => control.querySelector("input, select");

const READ = {
  slider: (control) => stops(control)[Number(input(control).value)],
  choice: (control) => {
    const chosen = control.querySelector("input:checked") ?? input(control);
    return stops(control)[Number(chosen.value)];
  },
  toggle: (control) => input(control).checked,
  text: (control) => input(control).value,
  seed: (control) => {
    const { value, max } = input(control);
    return Math.min(Math.max(Math.round(Number(value)) || 0, 0), Number(max));
  },
};

export const controlsOf = (form) => [...form.querySelectorAll("[data-control]")];

/** {name: value} of all controls of a form. */
export function readControls(form) {
  const pairs = controlsOf(form).map((control) => [control.dataset.control, READ[control.dataset.kind](control)]);
  return Object.fromEntries(pairs);
}

/** Show the values beside the sliders, and let assistive technology read them with their units. */
export function labelControls(form) {
  for (const control of controlsOf(form)) {
    if (control.dataset.kind !== "slider") continue;
    const text = JSON.parse(control.dataset.texts)[Number(input(control).value)];
    control.querySelector("output").textContent = text;
    input(control).setAttribute("aria-valuetext", text);
  }
}

/** Native inputs are disabled in the HTML: without JavaScript they could do nothing. */
export function enableControls(form) {
  for (const element of form.elements) element.disabled = false;
}
