"""What the house model and training cost in the reader's browser: a word, a prompt, a step of LoRA and of a new model.

Run as `python -m bench.model`.
"""

import io
import json
import sys
import zipfile
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from bench.startup import CACHE, NODE_MODULES, PAGES, REPOSITORY, last_word
from builder.bundle.assets import pack_topics
from builder.bundle.runtime import build_pack
from builder.serve import SiteServer
from tests import chromium

LIMITS = {"token": 8, "prompt": 400, "lora": 2000, "scratch": 100}  # ms, from the design of the house model
NAMES = {
    "token": "a generated word, with a cache of 64 to 127",
    "prompt": "a prompt of 128 words",
    "lora": "a LoRA step on 8 × 64 words, rank 4 on q and v",
    "scratch": "a step of a new model (d 32, 2 layers) on 8 × 32 signs, with Muon",
}
say = partial(print, file=sys.stderr)


def measure():
    """{"token", "prompt", "lora", "scratch"}: {"median": ms, "all": [ms]} in Chromium on this machine."""
    pack = build_pack(CACHE, NODE_MODULES, say)
    code = (REPOSITORY / "bench/model_timing.py").read_text()
    with TemporaryDirectory() as work, sync_playwright() as playwright:
        archive = with_model(pack_topics(REPOSITORY / "topics")["kit"], "target")
        (Path(work) / "topics.zip").write_bytes(archive)
        also = {"/js/": REPOSITORY / "templates/static/js", "/pack/": pack.directory, "/topics/": Path(work)}
        extra = {"url": "../topics/topics.zip", "bytes": len(archive), "directory": "/home/pyodide"}
        config = {"files": pack.files, "extraArchives": [extra], "code": code}
        server = SiteServer(PAGES, also=also).start()
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGUMENTS)
        answer = last_word(browser.new_page(), server.url, "pack", config)
        browser.close()
    return json.loads(answer["answer"])


def with_model(archive, name):
    """The kit's zip with one model's weights put into it."""
    buffer = io.BytesIO(archive)
    with zipfile.ZipFile(buffer, "a") as extended:
        extended.write(REPOSITORY / f"topics/data/{name}.safetensors", f"topics/data/{name}.safetensors")
    return buffer.getvalue()


if __name__ == "__main__":
    for part, found in measure().items():
        print(f"{NAMES[part]}: {found['median']:.1f} ms (at most {LIMITS[part]}); {found['all']}")
