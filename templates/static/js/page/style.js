// Styles that a page needs only once something happens. In the head, which soft navigation leaves alone: once for the tab.
/* global STYLES */ // defined by builder/bundle/assets.py: {name: file}

/** Resolves when the styles are there, or can't be had. */
export const style = (name) =>
  new Promise((resolve) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", onload: resolve, onerror: resolve });
    link.href = new URL(STYLES[name], import.meta.url).href;
    document.head.append(link);
  });
