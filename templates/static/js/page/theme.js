// The theme's colours as Plotly needs them. A custom property holds unresolved text, light-dark(#…, #…): an element
// that wears it tells the colour.

/* global INKS */ // defined by builder/bundle/assets.py: the kit's names of the idea colours, as one text

/** scheme: "light" for paper; the page's own else. */
export function theme(scheme = "") {
  const probe = document.body.appendChild(document.createElement("span"));
  probe.style.colorScheme = scheme;
  probe.style.forcedColorAdjust = "none"; // or all colours are the system's one, where it sets them
  const style = getComputedStyle(probe);
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return style.color;
  };
  const colours = {
    text: colour("text"),
    textMuted: colour("text-muted"),
    rule: colour("rule"),
    surface: colour("surface"),
    font: style.getPropertyValue("--sans").trim(),
    ink: Object.fromEntries(INKS.split(" ").map((ink) => [ink, colour(`ink-${ink}`)])),
  };
  probe.remove();
  return colours;
}
