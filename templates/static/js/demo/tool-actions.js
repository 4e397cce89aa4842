// What the tools under a demo do. Knows the demo's views and form, and of links only that the demo has one.
import { announce } from "../page/announce.js";
import { confirm } from "./confirm.js";
import { describeControls } from "./controls.js";
import { saveImages, saveTables } from "./download.js";
import { figureImage } from "./figure.js";
import { figureTables } from "./views.js";

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

  async csv(demo, button) {
    const views = await demo.current();
    if (!views) return;
    const head = [document.title, demo.querySelector("figcaption").textContent, ...describeControls(demo.form).map((pair) => pair.join(": ")), (await demo.link()).href];
    saveTables(nameOf(demo), head, views, figureTables);
    confirm(button, "Saved");
  },

  svg: (demo, button) => saveFigures(demo, button, "svg"),
  png: (demo, button) => saveFigures(demo, button, "png"),

  report: (demo) => demo.report(),

  screen: (demo) => (document.fullscreenElement ? document.exitFullscreen() : demo.requestFullscreen()),
};

const nameOf = (demo) => demo.getAttribute("call").replace(".", "-");

// Of steps only the frame that is shown.
async function saveFigures(demo, button, format) {
  const figures = [...demo.stage.querySelectorAll(".view-figure")].filter((figure) => figure.checkVisibility());
  await saveImages(nameOf(demo), figures, format, figureImage);
  confirm(button, "Saved");
}
