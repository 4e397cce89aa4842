// The theme's colours as Plotly needs them: resolved from the stylesheet's custom properties.

const INKS = ["query", "key", "value", "output", "weight", "gradient", "cost", "error", "reference"];

export function theme() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: colour("text"),
    textMuted: colour("text-muted"),
    rule: colour("rule"),
    surface: colour("surface"),
    accent: colour("accent"),
    font: colour("sans"),
    ink: Object.fromEntries(INKS.map((ink) => [ink, colour(`ink-${ink}`)])),
  };
}
