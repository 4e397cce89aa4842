"""Bundles scripts and styles with esbuild, packs topics/ for the browser. File names carry content hashes."""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from builder.cache import digest
from builder.runtime import zipped

REPOSITORY = Path(__file__).resolve().parent.parent

PLOTLY = "plotly.js-cartesian-dist-min/plotly-cartesian.min.js"
LATER = ("live", "search-dialog")  # styles that a page loads once something moves: style.js


class AssetError(RuntimeError):
    """A script or a style that esbuild could not bundle."""


@dataclass(frozen=True)
class Assets:
    """files: path in the site → bytes; script, early and style are what a page links; build names this deployment."""

    files: dict
    script: str
    early: str  # runs before the first paint
    style: str
    index_style: str
    build: str


def bundle(templates, topics, pack):
    """Everything under static/: the worker first, since the page's script must know its hashed name."""
    # now: the project being built is not known when this file is imported
    from topics.kit.language import WORDS
    from topics.kit.traces import INKS

    static = Path(templates) / "static"
    archive = pack_topics(Path(topics))
    data = {path.stem: path.read_bytes() for path in sorted(Path(topics).glob("data/*.safetensors"))}
    hashes = {name: hashlib.sha256(weights).hexdigest() for name, weights in data.items()}
    data_paths = {name: f"static/{name}-{hashes[name][:16]}.safetensors" for name in data}  # python.js derives the same
    zip_path = f"static/topics-{digest(archive)}.zip"
    worker = esbuild(static / "js/worker.js", {})
    (worker_path,) = (path for path in worker if "/worker-" in path)
    runtime = {
        "base": f"../runtime-{pack.digest}/",
        "files": pack.files,
        "archives": [{"url": f"../{zip_path}", "bytes": len(archive), "directory": "/home/pyodide"}],
        "data": {name: {"bytes": len(weights), "sha256": hashes[name]} for name, weights in data.items()},
    }
    # build: the page's own script changes its name whenever anything that it loads does
    build = digest(worker_path, json.dumps(runtime), *sources(static))
    styles = {name: esbuild(static / f"css/{name}.css", {}) for name in ("site", "index", *LATER)}
    style_paths = {name: next(path for path in files if path.endswith(".css")) for name, files in styles.items()}
    plotly = esbuild(REPOSITORY / "node_modules" / PLOTLY, {})
    (plotly_path,) = plotly
    defines = {
        "PLOTLY": f"./{Path(plotly_path).name}",
        "WORKER": f"./{Path(worker_path).name}",
        "RUNTIME": runtime,
        "BUILD": build,
        "STYLES": {name: f"./{Path(style_paths[name]).name}" for name in LATER},
        # texts: esbuild writes these where they are used, but a list into a chunk that every page loads first
        "WORDS": " ".join(WORDS),
        "INKS": " ".join(INKS),
    }
    early = esbuild(static / "js/theme-early.js", {})
    page = esbuild(static / "js/main.js", defines)
    return Assets(
        files=worker
        | plotly
        | early
        | page
        | {path: data for files in styles.values() for path, data in files.items()}
        | {zip_path: archive}
        | {data_paths[name]: data[name] for name in data},
        script=next(path for path in page if re.fullmatch(r"static/main-\w+\.js", path)),
        early=next(iter(early)),
        style=style_paths["site"],
        index_style=style_paths["index"],
        build=build,
    )


def sources(static):
    return [path.read_bytes() for path in sorted(static.rglob("*")) if path.is_file()]


def esbuild(entry, defines):
    """Bundle one entry point; returns {path in the site: bytes}."""
    with tempfile.TemporaryDirectory() as out:
        command = [
            shutil.which("node") or "node",
            REPOSITORY / "node_modules/esbuild/bin/esbuild",
            entry,
            "--bundle",
            "--minify",
            "--format=esm",
            "--splitting",
            "--target=es2022",
            "--entry-names=[name]-[hash]",
            "--chunk-names=[name]-[hash]",
            "--asset-names=[name]-[hash]",
            "--loader:.woff2=file",
            "--loader:.woff=empty",
            "--loader:.ttf=empty",
            "--legal-comments=none",
            "--log-level=error",
            f"--outdir={out}",
            *(f"--define:{name}={json.dumps(value)}" for name, value in defines.items()),
        ]
        done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
        if done.returncode:
            raise AssetError(f"esbuild could not bundle {entry}:\n{done.stderr.strip()}")
        return {f"static/{path.name}": path.read_bytes() for path in sorted(Path(out).iterdir())}


def pack_topics(topics):
    """The Python that runs in the browser, as one zip."""
    paths = sorted(topics.rglob("*.py"))
    return zipped([(f"topics/{path.relative_to(topics).as_posix()}", path.read_bytes()) for path in paths], level=9)
