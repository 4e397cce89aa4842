/* Starts the worker named in the URL and shows its last word: ?worker=pack.js&config={JSON}

   The worker comes from a blob, as on the site: so it inherits the page's content security policy.
   Its configuration is its name, since a message could arrive before the blob has imported the real module. */
const query = new URLSearchParams(location.search);
const output = document.querySelector("output");
const url = new URL(query.get("worker"), location).href;
const blob = new Blob([`import(${JSON.stringify(url)})`], { type: "text/javascript" });
const worker = new Worker(URL.createObjectURL(blob), { type: "module", name: query.get("config") });

let imported;
worker.onmessage = ({ data }) => {
  if (data.imported) return (imported = Math.round(performance.now()));
  output.textContent = JSON.stringify({ ...data, imported, ms: Math.round(performance.now()) });
  output.dataset.done = data.error ? "error" : "ok";
};
