"""Bundles scripts and styles with esbuild, packs topics/ for the browser. File names carry content hashes."""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from builder.bundle.runtime import zipped
from builder.cache import digest, remembered
from builder.faults import BuildError
from builder.places import CACHE, REPOSITORY, TEMPLATES, data_files, files_in

BUNDLES = CACHE / "bundles"
VERSIONS = 8  # of one bundle that the cache holds: test projects differ in what they define

STATIC = TEMPLATES / "static"
LOCK = REPOSITORY / "package-lock.json"
PLOTLY = "plotly.js-cartesian-dist-min/plotly-cartesian.min.js"
FONTS = ("text", "text-italic", "code")
LATER = ("live", "search-dialog")  # styles that a page loads once something moves: style.js


class AssetError(BuildError):
    """A script or a style that esbuild could not bundle."""


@dataclass(frozen=True)
class Assets:
    """files: path in the site → bytes; script, early and style are what a page links; build names this deployment."""

    files: dict
    script: str
    early: str  # runs before the first paint
    style: str
    index_style: str
    fonts: list  # what every page needs at once
    build: str


def bundle(topics, pack):
    """Everything under static/: the worker first, since the page's script must know its hashed name."""
    # now: the project being built is not known when this file is imported
    from topics.kit.model.language import WORDS
    from topics.kit.page.traces import INKS

    archive = pack_topics(Path(topics))
    data = {path.name: path.read_bytes() for path in data_files(topics)}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in data.items()}
    data_paths = {name: f"static/{hashed(name, hashes[name])}" for name in data}
    zip_path = f"static/topics-{digest(archive)}.zip"
    worker = esbuild(STATIC / "js/python/worker.js", {})
    (worker_path,) = (path for path in worker if "/worker-" in path)
    runtime = {
        "base": f"../runtime-{pack.digest}/",
        "files": pack.files,
        "archives": [{"url": f"../{zip_path}", "bytes": len(archive), "directory": "/home/pyodide"}],
        "data": {name: {"bytes": len(content), "sha256": hashes[name]} for name, content in data.items()},
    }
    # build: the page's own script changes its name whenever anything that it loads does
    build = digest(worker_path, json.dumps(runtime), *sources(STATIC))
    styles = {name: esbuild(STATIC / f"css/{name}.css", {}) for name in ("site", "index", *LATER)}
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
    early = esbuild(STATIC / "js/page/theme-early.js", {})
    page = esbuild(STATIC / "js/main.js", defines)
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
        fonts=[path for name in FONTS for path in styles["site"] if re.fullmatch(rf"static/{name}-\w+\.woff2", path)],
        build=build,
    )


def hashed(name, sha256):
    """A data file's name in the site, as python.js derives it, too."""
    stem, dot, ending = name.partition(".")
    return f"{stem}-{sha256[:16]}{dot}{ending}"


def sources(static):
    files = [path for path in sorted(static.rglob("*")) if path.is_file() and path.suffix != ".md"]
    return [part for path in files for part in (path.relative_to(static).as_posix(), path.read_bytes())]


def esbuild(entry, defines):
    """Bundle one entry point, or take what was bundled from the same sources before; {path in the site: bytes}."""
    if not entry.is_file():
        raise AssetError(f"{entry} is missing. Remove node_modules/.ready and run make again.")
    defines = {name: json.dumps(value) for name, value in defines.items()}
    files = sources(STATIC) if entry.is_relative_to(STATIC) else [entry.read_bytes()]
    key = digest(json.dumps(defines), LOCK.read_bytes(), Path(__file__).read_bytes(), *files)
    made = remembered(BUNDLES / f"{entry.stem}-{key}", key, lambda: run_esbuild(entry, defines))
    forget(entry.stem)
    return made


def forget(stem):
    """Only the latest versions of a bundle are kept."""
    versions = sorted(BUNDLES.glob(f"{stem}-????????????????"), key=lambda path: path.stat().st_mtime)
    for path in versions[:-VERSIONS]:
        path.unlink(missing_ok=True)


def run_esbuild(entry, defines):
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
            *(f"--define:{name}={value}" for name, value in defines.items()),
        ]
        done = subprocess.run(command, capture_output=True, cwd=REPOSITORY)
        if done.returncode:
            raise AssetError(f"esbuild could not bundle {entry}:\n{done.stderr.decode(errors='replace').strip()}")
        return {f"static/{path.name}": path.read_bytes() for path in sorted(Path(out).iterdir())}


def pack_topics(topics):
    """The Python that runs in the browser, as one zip."""
    paths = files_in(topics, "*.py", below=True)
    return zipped([(f"topics/{path.relative_to(topics).as_posix()}", path.read_bytes()) for path in paths], level=9)
