// Definitions of terms and entries of sources, shown beside their links: on hover, on focus, on tap. What they show
// stands on the page already; without this file the links lead to it. Escape and a tap elsewhere close.

const LINK = "a.term, a.cite";
const SHOW = 150; // ms: a pointer that only passes opens nothing
const HIDE = 250; // ms: time to move into the popover

let popover, opener, timer, touched;

function sourceOf(link) {
  if (link.closest("[popover]")) return null;
  const id = decodeURIComponent(link.hash.slice(1));
  return document.getElementById(link.matches(".term") ? `term-${id}` : id);
}

const later = (ms, then) => {
  clearTimeout(timer);
  timer = setTimeout(then, ms);
};

function show(link) {
  clearTimeout(timer);
  const source = link.isConnected && sourceOf(link);
  if (!source || (opener === link && popover.matches(":popover-open"))) return;
  popover ??= made();
  popover.replaceChildren(...contentOf(link, source));
  link.after(popover); // so that Tab leads from the link into it
  opener?.removeAttribute("aria-describedby");
  link.setAttribute("aria-describedby", popover.id);
  opener = link;
  popover.showPopover();
  place(link);
}

function made() {
  const element = document.createElement("div");
  Object.assign(element, { id: "popover", popover: "auto", className: "popover" });
  return element;
}

function contentOf(link, source) {
  if (link.matches(".cite")) return [source.firstElementChild.cloneNode(true)]; // without its back-links
  const more = Object.assign(document.createElement("a"), { href: link.href, className: "more", textContent: "Glossary" });
  return [...source.cloneNode(true).childNodes, more];
}

// under the first line of the link, or above it where there is more room
function place(link) {
  const { left, top, bottom } = link.getClientRects()[0];
  const { offsetWidth: width, offsetHeight: height } = popover;
  const { clientWidth, clientHeight } = document.documentElement;
  const x = Math.max(8, Math.min(left, clientWidth - width - 8));
  const y = bottom + height + 8 < clientHeight || top < height + 8 ? bottom + 4 : top - height - 4;
  Object.assign(popover.style, { left: `${x + scrollX}px`, top: `${y + scrollY}px` });
}

const hide = () => popover?.isConnected && popover.hidePopover();
const inside = (node) => node instanceof Node && (popover?.contains(node) || opener?.contains(node));
const linkAt = ({ target }) => target.closest?.(LINK);

document.addEventListener("pointerdown", ({ pointerType }) => (touched = pointerType !== "mouse"), true);
document.addEventListener("pointerover", (event) => {
  if (event.pointerType !== "mouse") return;
  if (inside(event.target)) clearTimeout(timer);
  const link = linkAt(event);
  if (link) later(SHOW, () => show(link));
});
document.addEventListener("pointerout", (event) => {
  if (event.pointerType === "mouse" && (linkAt(event) || inside(event.target))) later(HIDE, hide);
});
document.addEventListener("focusin", (event) => {
  const link = linkAt(event);
  if (link?.matches(":focus-visible")) show(link);
  else if (!inside(event.target)) hide();
});
document.addEventListener("click", (event) => {
  const link = linkAt(event);
  if (!link || !touched || event.detail === 0 || !sourceOf(link)) return;
  event.preventDefault(); // a tap opens it; the way to the glossary is inside
  show(link);
});
