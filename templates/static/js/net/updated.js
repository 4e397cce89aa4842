// Whether the site has been deployed anew under this page: then files that it has yet to fetch are gone, and only a
// reload helps. Knows the page's address, and that each page names its build.

const LIMIT = 1_500; // ms: who waits for this has waited already

/** The page as the server has it now names another build. */
export async function isUpdated() {
  try {
    const page = await fetch(location.href.split("#")[0], { cache: "no-store", signal: AbortSignal.timeout(LIMIT) });
    const build = (await page.text()).match(/ data-build="(\w+)"/)?.[1];
    return Boolean(build) && build !== document.documentElement.dataset.build;
  } catch {
    return false;
  }
}

export const UPDATED = "This site was updated since this page was opened: reload it. What you have set and written stays";

/** An error of a file as a reader is to be told it: {message, updated}. */
export async function explained(error) {
  const updated = Boolean(error.file) && (await isUpdated());
  return { message: updated ? `${UPDATED} (${error.message})` : error.message, updated };
}
