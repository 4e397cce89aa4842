// Sets the theme that the reader chose before anything is painted: a classic script in the head. Knows nothing else;
// theme-switch.js writes what this reads.
try {
  const chosen = localStorage.getItem("llm-internals:theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch {
  // storage may be forbidden: the system's theme stays
}
