"""Finds a Chromium to test with, or gets one: on the PATH, Playwright's, else Debian's when root.

The headless shell comes first, as Playwright itself prefers it: the same engine without the windows' own pages, of
which the whole browser starts one for every tab (six new tabs: 0.28 to 0.42 s each in place of 0.67 to 1.24).

Run as `python -m tests.chromium` by make, before the tests.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

WHOLE = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NAMES = ("chromium-headless-shell", "chrome-headless-shell", *WHOLE)

# A closed network must not slow the start: no look-ups, no updates.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# WebAssembly's first compiler alone: Python starts sooner, and computes half as fast (tests/README.md).
STARTS_SOONER = [*ARGUMENTS, "--js-flags=--liftoff-only"]


def find(names=NAMES):
    """The path of a Chromium, or None. LLM_INTERNALS_CHROMIUM names one, for machines with several."""
    named = os.environ.get("LLM_INTERNALS_CHROMIUM")
    on_path = next(filter(None, map(shutil.which, names)), None)
    return named or on_path or playwrights()


def playwrights():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        path = p.chromium.executable_path
    return path if Path(path).exists() else None


def install():
    """Try Playwright's own browser, then Debian's; say exactly what to do when neither can be had."""
    print("No Chromium found: installing Playwright's", flush=True)
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"])
    if find() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Playwright's could not be had: installing Debian's", flush=True)
        subprocess.run("apt-get update -qq", shell=True)
        if subprocess.run("apt-get install -y -qq chromium-headless-shell", shell=True).returncode:
            subprocess.run("apt-get install -y -qq chromium", shell=True)
    if find() is None:
        sys.exit(
            "The browser tests need Chromium, and none could be installed. Install one (on Debian: "
            "apt-get install chromium), or set LLM_INTERNALS_CHROMIUM to its path. Then run make again."
        )


if __name__ == "__main__":
    if find() is None:
        install()
    print(f"Chromium: {find()}")
