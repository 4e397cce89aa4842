// A report of an error begins with where its writer is: the link at the page's foot holds the page and its build; the
// figure and the setting are filled in here. Knows what the link looks like (builder/page/citation.py), no demo.

/** The address at which a report is written, with the figure's number, where there is one, and the page's state. */
export function reportAddress(figure, setting) {
  const url = new URL(document.querySelector("[data-report]").href);
  const body = url.searchParams.get("body").replace(/^Figure:.*$/m, () => `Figure: ${figure}`);
  url.searchParams.set("body", body.replace(/^Setting:.*$/m, () => `Setting: ${setting}`));
  return url.href;
}

document.addEventListener("click", ({ target }) => {
  const link = target.closest?.("[data-report]");
  if (link) link.href = reportAddress("", location.href);
}, { capture: true });
