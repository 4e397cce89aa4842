// What the tools under a demo do. Knows the demo's views and form.
import { linkTo } from "../page/address.js";
import { announce } from "../page/announce.js";
import { reportAddress } from "../page/report.js";
import { describeControls } from "./controls.js";

const CONFIRMED = 2000; // ms that a button says what it has done

export const TOOLS = {
  async pin(demo, button, seen) {
    const views = seen.views ?? (await demo.current());
    if (!views) return;
    const pinned = !demo.pinned;
    demo.pin(pinned ? { views, values: seen.values } : null);
    button.setAttribute("aria-pressed", String(pinned));
    button.textContent = pinned ? "Unpin" : "Pin";
    announce(pinned ? "Pinned. Move a control to compare." : "Unpinned.");
  },

  async link(demo, button) {
    const copied = await navigator.clipboard?.writeText(await linkTo(demo)).then(() => true, () => false);
    confirm(button, copied ? "Copied" : "See the address bar");
  },

  async csv(demo, button) {
    const [{ saveTables }, { figureTables }] = await Promise.all([import("./download.js"), import("./views.js")]);
    const views = await demo.current();
    if (!views) return;
    const head = [document.title, demo.querySelector("figcaption").textContent, ...describeControls(demo.form).map((pair) => pair.join(": ")), await linkTo(demo)];
    saveTables(nameOf(demo), head, views, figureTables);
    confirm(button, "Saved");
  },

  svg: (demo, button) => saveFigures(demo, button, "svg"),
  png: (demo, button) => saveFigures(demo, button, "png"),

  async report(demo) {
    location.assign(reportAddress(demo.querySelector(".figure-number").textContent, await linkTo(demo)));
  },

  screen: (demo) => (document.fullscreenElement ? document.exitFullscreen() : demo.requestFullscreen()),
};

const nameOf = (demo) => demo.getAttribute("call").replace(".", "-");

// Of steps only the frame that is shown.
async function saveFigures(demo, button, format) {
  const [{ saveImages }, { figureImage }] = await Promise.all([import("./download.js"), import("./figure.js")]);
  const figures = [...demo.stage.querySelectorAll(".view-figure")].filter((figure) => figure.checkVisibility());
  await saveImages(nameOf(demo), figures, format, figureImage);
  confirm(button, "Saved");
}

function confirm(button, text) {
  announce(text);
  button.dataset.label ??= button.textContent;
  button.textContent = text;
  setTimeout(() => (button.textContent = button.dataset.label), CONFIRMED);
}
