// <theme-switch>: system, light or dark. Kept in localStorage, set as <html data-theme>, told by "themechange" on
// document. Knows no colour: theme.css does.

const KEY = "llm-internals:theme"; // theme-early.js reads it before the first paint
const HTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="8" fill="none" stroke="currentColor" stroke-width="2"/><path fill="currentColor" d="M12 4a8 8 0 0 1 0 16z"/></svg>
<select aria-label="Theme" autocomplete="off"><option value="">System</option><option value="light">Light</option><option value="dark">Dark</option></select>`;

class ThemeSwitch extends HTMLElement {
  connectedCallback() {
    this.innerHTML = HTML;
    const select = this.querySelector("select");
    select.value = document.documentElement.dataset.theme ?? "";
    select.addEventListener("change", () => choose(select.value));
  }
}

function choose(theme) {
  const { dataset } = document.documentElement;
  if (theme) dataset.theme = theme;
  else delete dataset.theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // kept for this page only
  }
  document.dispatchEvent(new Event("themechange"));
}

customElements.define("theme-switch", ThemeSwitch);
