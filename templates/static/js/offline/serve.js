// The service worker, once a reader has asked for one: it answers from the offline copy what the network does not. Knows
// no page's contents.
//
//   a page                     from the network, whenever there is one; else the copy, which says that it is one
//   a file with a hash in it   from the copy; else from the network
//   anything else              is not touched
//
// It never takes over a tab that is open (no skipWaiting, no clients.claim), and keeps nothing that passes by: only
// held.js fetches for the copy, when a page shows that the site has changed.
import { hashOf, isSame, offlineCopy } from "./held.js";

const LIMIT = 6_000; // ms without an answer before a reader is asked whether the copy will do: as long as file.js waits

const HELD = /^\?[0-9a-f]{16}$/; // behind the name of a page

const copy = offlineCopy(registration.scope);

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const path = copy.pathOf(url);
  if (request.method !== "GET" || path === undefined) return;
  if (HELD.test(url.search)) return; // held.js asks for what it does not have
  if (/^[^.]*$|\.html$/.test(path.split("/").pop())) event.respondWith(page(event, url, path));
  else if (path.includes("/")) event.respondWith(file(request, url));
});

// What is asked for past every cache is asked of the network first: this is one.
async function file(request, url) {
  const past = url.search || ["reload", "no-store"].includes(request.cache);
  const held = () => copy.file(url);
  const kept = past ? undefined : await held();
  return kept ?? fetch(request).catch(async (error) => (past && (await held())) || Promise.reject(error));
}

async function page(event, url, path) {
  const { request } = event;
  if (url.searchParams.has("kept")) {
    const kept = await copy.page(url);
    if (kept) return marked(kept, url);
  }
  const stop = new AbortController();
  request.signal.addEventListener("abort", () => stop.abort());
  // "no-cache": nor does the browser's own cache give an old page for a new one
  const asked = fetch(request.url, { cache: "no-cache", redirect: request.redirect, signal: stop.signal });
  let late = false;
  try {
    const answer = await Promise.race([asked, limit().then(() => (late = true))]);
    if (!late) return answered(event, answer, path);
  } catch (error) {
    const kept = await copy.page(url);
    if (!kept) throw error;
    return marked(kept, url);
  }
  if (!(await copy.page(url))) return asked;
  asked.catch(() => {});
  stop.abort(); // browsers let a second request for an address wait for the first
  return request.mode === "navigate" ? waiting(url) : Response.error(); // a soft link then asks for the page itself
}

const limit = () => new Promise((resolve) => setTimeout(resolve, LIMIT));

function answered(event, answer, path) {
  if (answer.ok) event.waitUntil(follow(answer.clone(), path).catch(() => {})); // the next page tries again
  return answer;
}

// A page that is not the one held says that the site has changed.
async function follow(answer, path) {
  const list = await copy.held();
  if (!list || copy.pageOf(list, path)?.[2] === (await hashOf(await answer.arrayBuffer()))) return;
  if (navigator.connection?.saveData) return; // the page of the copy says what has changed, and offers to fetch it
  await navigator.locks.request(copy.name, { ifAvailable: true }, async (lock) => {
    const now = lock && (await copy.latest());
    if (now && !isSame(now, list)) await copy.fill(now);
  });
}

const day = (since) => new Date(since).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
const quoted = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
const html = (text) => new Response(text, { headers: { "content-type": "text/html; charset=utf-8" } });

function marked({ text, since }, { pathname }) {
  const line = `<p class="kept">Without the network: this page is the copy kept on ${day(since)}. <a href="${quoted(pathname)}">Ask the network again</a></p>`;
  return html(text.replace(/<main [^>]*>/, (main) => `${main}\n${line}`));
}

/* The network is there, it seems, and does not answer. An old page could be given out for a new one here: so the reader
   chooses. */
function waiting(url) {
  const kept = new URL(url);
  kept.searchParams.set("kept", "");
  return html(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>The network does not answer</title>
<style>body { margin: 12vh auto; max-width: 36rem; padding: 0 1rem; font: 1.1875rem/1.55 system-ui, sans-serif; } h1 { line-height: 1.2; } a { display: inline-block; padding: 0.6rem 1.5rem 0.6rem 0; }</style>
<h1>The network does not answer</h1>
<p>Nothing has come for ${LIMIT / 1000} seconds. The page that is kept here may be older than the site’s.</p>
<p><a href="${quoted(kept.href)}">Read the copy</a> <a href="${quoted(url.href)}">Ask the network again</a></p>
<p>Where the network is this poor, switch it off on your device: the copy then comes at once.</p>`);
}
