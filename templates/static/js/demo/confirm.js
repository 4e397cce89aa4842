// A button says for a moment what it has done, to eye and ear.
import { announce } from "../page/announce.js";

const CONFIRMED = 2000; // ms

export function confirm(button, text) {
  announce(text);
  button.dataset.label ??= button.textContent;
  button.textContent = text;
  setTimeout(() => (button.textContent = button.dataset.label), CONFIRMED);
}
