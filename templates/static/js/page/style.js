// Styles that a page needs only once something happens come with the script that needs them, as text.

/** Put a style sheet's text into the head, which soft navigation leaves alone: once for the tab. */
export const adopt = (css) => document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
