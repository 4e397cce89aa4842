"""Asks Node to render mathematics (KaTeX) and views (the browser's own views.js). Knows no page."""

import json
import shutil
import subprocess
from pathlib import Path

from builder.faults import BuildError
from builder.places import REPOSITORY

SCRIPT = Path(__file__).with_name("render.mjs")


class NodeError(BuildError):
    """Node is missing or its script broke: a fault of the installation, not of a page."""


def ask(requests):
    """Render many small things in one Node process.

    requests  dicts such as {"do": "math", "tex": "x^2", "display": false} or {"do": "views", "views": [...]}
    returns   one {"html": str} or {"error": str} for each, in order
    """
    if not requests:
        return []
    node = shutil.which("node")
    if node is None:
        raise NodeError("Node 20 or newer is needed and 'node' is not on the PATH. Install it, then run make again.")
    asked = json.dumps(requests).encode()
    done = subprocess.run([node, SCRIPT], input=asked, capture_output=True, cwd=REPOSITORY)
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip()
        raise NodeError(
            f"{SCRIPT.name} failed; node_modules may be damaged: remove node_modules/.ready and run make again.\n{told}"
        )
    return json.loads(done.stdout)
