// A thumb that scrolls the page and begins on a slider has not moved the slider: what the browser set is put back. Each
// finger is followed by itself: of two that pinch, one may have begun on a slider.

const touches = new Map(); // pointerId → {slider, value}: where a touch that lasts began

addEventListener("pointerdown", ({ pointerType, pointerId, target }) => {
  if (pointerType !== "mouse" && target.matches?.("input[type=range]")) touches.set(pointerId, { slider: target, value: target.value });
}, true);

addEventListener("pointerup", ({ pointerId }) => touches.delete(pointerId), true);

addEventListener("pointercancel", ({ pointerId }) => {
  const { slider, value } = touches.get(pointerId) ?? {};
  touches.delete(pointerId);
  if (!slider || slider.value === value) return;
  slider.value = value;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
}, true);
