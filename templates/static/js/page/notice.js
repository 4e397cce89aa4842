// The line at the page's foot that says what does not work, why, and what helps, where no better place is near. It
// stands in templates/base.html; early.js, which works its buttons, says there what keeps this script from running.
import { announce } from "./announce.js";

const bar = () => document.getElementById("notice");

/** Say a text; with `reload` a button is offered beside it. */
export function notice(text, { reload = false } = {}) {
  if (!bar()) return;
  bar().querySelector("span").textContent = text;
  bar().querySelector("[data-reload]").hidden = !reload;
  bar().hidden = false;
  announce(text);
}

/** Take a text away, if it still stands there. */
export function hideNotice(text) {
  if (bar()?.querySelector("span").textContent === text) bar().hidden = true;
}
