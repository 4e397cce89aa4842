// What a demo in a frame does besides: tells the page around it how high it is, and leads to its topic as it is set.
// Hears nothing that the page around it says. Knows no demo; templates/embed.html alone has it.

const link = document.querySelector("[data-home-link]");
const plain = link.hash;

/** {llmInternalsHeight} in px, to whoever holds the frame: a height is no secret. */
function tell() {
  parent.postMessage({ llmInternalsHeight: Math.ceil(document.body.getBoundingClientRect().height) }, "*");
}

if (parent !== window) new ResizeObserver(tell).observe(document.body);

// The address holds the settings (address.js writes it); its signs are those of the topic's page.
for (const type of ["pointerdown", "focus", "click"]) {
  link.addEventListener(type, () => (link.hash = location.hash.includes(":") ? location.hash : plain));
}
