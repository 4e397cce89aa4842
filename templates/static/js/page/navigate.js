// Soft navigation: a link to another page of this site replaces the body, and Python stays warm.
// Where the Navigation API is missing, links work as links do.

import { announce } from "./announce.js";

// Names the files that this page knows: it changes with every deployment that gives one of them another name.
const { build } = document.documentElement.dataset;

// Also what history.replaceState does: the state of the demos is no other page.
const onlyFragment = (url) => url.href !== location.href && url.href.split("#")[0] === location.href.split("#")[0];
const isPage = ({ origin, pathname }) => origin === location.origin && /(\/|\.html|\/[^./]+)$/.test(pathname);

async function replace(url, signal) {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error(`${response.status}`);
  const next = new DOMParser().parseFromString(await response.text(), "text/html");
  if (next.documentElement.dataset.build !== build) throw new Error("another build");
  document.title = next.title;
  document.body.replaceWith(document.adoptNode(next.body));
  document.dispatchEvent(new Event("page"));
  arrive();
}

// As a new page would: the keyboard goes on from its content, and a screen reader says where it is.
function arrive() {
  document.getElementById("main").focus({ preventScroll: true });
  setTimeout(() => announce(document.title), 100); // a live region speaks of changes, not of what it came with
}

function intercept(event) {
  const url = new URL(event.destination.url);
  if (!event.canIntercept || event.hashChange || onlyFragment(url) || event.downloadRequest !== null || event.formData) return;
  if (event.navigationType === "reload" || event.info === "hard" || !isPage(url)) return;
  event.intercept({
    focusReset: "manual",
    async handler() {
      try {
        await replace(url, event.signal);
      } catch (error) {
        if (error.name !== "AbortError") navigation.reload({ info: "hard" }); // the URL is already the new one
      }
    },
  });
}

globalThis.navigation?.addEventListener("navigate", intercept);
