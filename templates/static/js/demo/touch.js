// A thumb that scrolls the page and begins on a slider has not moved the slider: what the browser set is put back.

let touched = null; // {slider, value}: where the last touch began

addEventListener("pointerdown", ({ pointerType, target }) => {
  touched = pointerType === "touch" && target.matches?.("input[type=range]") ? { slider: target, value: target.value } : null;
}, true);

addEventListener("pointercancel", () => {
  if (!touched || touched.slider.value === touched.value) return;
  touched.slider.value = touched.value;
  touched.slider.dispatchEvent(new Event("input", { bubbles: true }));
}, true);
