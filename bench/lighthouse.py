"""Lighthouse (mobile preset) on the built site: the four scores of a page, and what keeps them from 100."""

import json
import os
import subprocess
from pathlib import Path

from builder.serve import SiteServer
from tests import chromium

LIGHTHOUSE = Path(__file__).resolve().parent.parent / "node_modules/lighthouse/cli/index.js"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")


def scores(site, pages=("index", "whole_model", "model_sheet", "kv_cache", "rag")):
    """{page: {category: score of 100, "lost": [audits that cost points]}}."""
    server = SiteServer(site).start()
    return {page: audit(f"{server.url}{page}.html") for page in pages}


def audit(url):
    flags = " ".join(["--headless=new", *chromium.ARGUMENTS])
    command = ["node", LIGHTHOUSE, url, "--quiet", "--output=json", f"--chrome-flags={flags}",
               f"--only-categories={','.join(CATEGORIES)}"]  # fmt: skip
    environment = os.environ | {"CHROME_PATH": chromium.find(chromium.WHOLE)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"Lighthouse failed on {url}:\n{done.stderr.strip()}")
    report = json.loads(done.stdout)
    found = {name: round(100 * report["categories"][name]["score"]) for name in CATEGORIES}
    return found | {"lost": lost(report)}


def lost(report):
    """The weighted audits below 0.9, with what they show."""
    weighed = {ref["id"] for name in CATEGORIES for ref in report["categories"][name]["auditRefs"] if ref["weight"]}
    below = (report["audits"][name] for name in sorted(weighed))
    return [
        f"{a['id']} {a.get('displayValue', '')}".strip() for a in below if a["score"] is not None and a["score"] < 0.9
    ]
