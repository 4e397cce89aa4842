// The tools under a demo: pin, link, downloads, full screen. What they do comes with the live part: tool-actions.js.
import { askedPart } from "../page/parts.js";
import { embedOf, showAddress } from "../page/address.js";
import { copyText } from "../page/clipboard.js";
import { notice } from "../page/notice.js";
import { confirm } from "./confirm.js";
import { describeControls } from "./controls.js";

export function wireTools(demo) {
  const bar = demo.querySelector(".demo-tools");
  for (const button of bar.querySelectorAll("button")) button.disabled = false;
  bar.querySelector('[data-tool="screen"]').hidden = !document.fullscreenEnabled;
  bar.addEventListener("click", async ({ target }) => {
    const button = target.closest("[data-tool]");
    if (!button) return;
    if (button.dataset.tool === "link") return copyLink(demo, button);
    if (button.dataset.tool === "embed") return copyFrame(demo, button);
    const seen = { views: demo.answered, values: describeControls(demo.form) }; // the reader may move on before the code is here
    const live = await askedPart("live", `“${button.textContent}”`, "it");
    await live?.TOOLS[button.dataset.tool](demo, button, seen);
  });
  demo.addEventListener("fullscreenchange", () => {
    bar.querySelector('[data-tool="screen"]').textContent = document.fullscreenElement ? "Leave full screen" : "Full screen";
  });
  showTools(demo);
}

// Here and not with the other tools: while their code is fetched Safari forgets the click that allows to copy.
async function copyLink(demo, button) {
  const link = demo.link();
  const copied = await copyText(link.then(({ href }) => href));
  const { href, left } = await link;
  const framed = document.documentElement.dataset.home;
  if (!copied && framed) notice(href); // its address bar is the page's around it
  else if (!copied) showAddress(href);
  const done = copied ? "Copied" : framed ? "See below" : "See the address bar";
  confirm(button, left.length ? `${done}, without ${left.join(" and ")}: too long for a link` : done);
}

// A frame's HTML: sized by the page around it if that listens (README.md), else this high, and it scrolls inside.
async function copyFrame(demo, button) {
  const html = embedOf(demo).then((src) => {
    const title = `${document.querySelector("h1").textContent}: ${demo.querySelector(".figure-number").textContent}`;
    const given = { src, title, width: "100%", height: 640, loading: "lazy", allow: "clipboard-write; fullscreen", style: "border:0" };
    const frame = document.createElement("iframe");
    for (const [name, value] of Object.entries(given)) frame.setAttribute(name, value);
    return frame.outerHTML;
  });
  const copied = await copyText(html);
  if (!copied) notice(await html);
  confirm(button, copied ? "HTML copied" : "See below");
}

/** What there is to pin or to draw depends on the views; before Python has answered, on the build's own. */
export function showTools(demo) {
  const has = (selector) => demo.stage.querySelector(selector) !== null;
  const show = (tool, there) => (demo.querySelector(`[data-tool="${tool}"]`).hidden = !there);
  const answered = demo.views || !demo.onButton; // a live demo runs on its button only
  show("pin", answered && (demo.views ? demo.pinnable : has(".demo-views > .view-figure")));
  show("csv", answered && has("table, .metrics"));
  show("svg", has(".view-figure"));
  show("png", has(".view-figure"));
}
