// The page's one polite live region. Knows nothing of what it says.

/** Let assistive technology say a text when the reader pauses. */
export function announce(text) {
  const region = document.getElementById("announcer");
  if (region) region.textContent = text;
}
