"""Bundles scripts and styles with esbuild, packs topics/ for the browser. File names carry content hashes.

The page's own script is told the names of all others, and nobody is told its own: so what changes renames itself, the
page's script, and nothing else. What is loaded later shares no code with it, for a lost piece of shared code could not
be asked for again (templates/static/js/net/file.js).
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from builder.bundle.elsewhere import origin_of
from builder.bundle.katex import needed
from builder.bundle.runtime import zipped
from builder.cache import digest, remembered
from builder.faults import BuildError
from builder.places import CACHE, REPOSITORY, TEMPLATES, data_files, files_in

BUNDLES = CACHE / "bundles"
VERSIONS = 8  # of one bundle that the cache holds: test projects differ in what they define

STATIC = TEMPLATES / "static"
LOCK = REPOSITORY / "package-lock.json"
KATEX = REPOSITORY / "node_modules/katex/dist/katex.min.css"
PLOTLY = "plotly.js-cartesian-dist-min/plotly-cartesian.min.js"
FONTS = ("text", "text-italic", "code")
STYLES = ("site", "index", "lists", "live", "lecture", "search-dialog", "offline")
AS_TEXT = r"static/(live|lecture|search-dialog|offline)-"  # these travel in the parts that need them
PARTS = (
    "demo/live",
    "demo/suggest",
    "editing/editor",
    "offline/offline-copy",
    "page/lecture",
    "page/map",
    "page/practice",
    "page/search-dialog",
    "page/yours",
)  # see page/parts.js
WORKER, EARLY, EMBED, SERVICE = "python/worker", "page/early", "page/embed", "offline/serve"
END = b"#whole{--end:1}"
HOME = "/home/pyodide"  # topics/ lies in it, as in worker.js


class AssetError(BuildError):
    """A script or a style that esbuild could not bundle."""


@dataclass(frozen=True)
class Assets:
    """files: path in the site → bytes; script and style are what a page links, early stands in it as text."""

    files: dict
    script: str
    early: str  # runs before the first paint, and whatever else can't be had
    early_hash: str  # by which the content security policy knows it
    style: str
    embed: str  # the script that a page in a frame has besides
    index_style: str
    lists_style: str  # of practice.html, symbols.html and yours.html
    fonts: list  # what every page needs at once
    topics: dict  # slug → (path, bytes) of its own Python
    service: bytes  # the service worker of the offline copy
    origin: str  # from which Python and the models may come, too


def bundle(topics, pack, elsewhere="", classes=None):
    """Everything under static/: what the page's script must know the name of first, the page's script last.

    elsewhere  the address of a copy of the site from which readers fetch Python and the models
    classes    those that elements of the pages have: of KaTeX's style what they need; None is all of it
    """
    # now: the project being built is not known when this file is imported
    from topics.kit.model.language import WORDS
    from topics.kit.page.traces import INKS

    archives = {name: (f"static/{name}-{digest(data)}.zip", data) for name, data in pack_topics(Path(topics)).items()}
    data = {path.name: path.read_bytes() for path in data_files(topics)}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in data.items()}
    data_paths = {name: f"static/{hashed(name, hashes[name])}" for name in data}
    styles = ended(esbuild([STATIC / f"css/{name}.css" for name in STYLES], {}))
    if classes is not None:
        styles = without_idle(styles, classes)
    plotly = esbuild([REPOSITORY / "node_modules" / PLOTLY], {})
    early = esbuild([STATIC / f"js/{EARLY}.js"], {})
    (early_text,) = (text.decode().strip() for text in early.values())
    (service,) = esbuild([STATIC / f"js/{SERVICE}.js"], {}).values()
    embed = esbuild([STATIC / f"js/{EMBED}.js"], {})
    later = esbuild(
        [STATIC / f"js/{name}.js" for name in (WORKER, *PARTS)],
        {
            "PARTS": {"plotly": lying(plotly, "plotly-cartesian.min")},
            "LIVE_STYLE": styles[called(styles, "live", "css")].decode(),
            "LECTURE_STYLE": styles[called(styles, "lecture", "css")].decode(),
            "SEARCH_STYLE": styles[called(styles, "search-dialog", "css")].decode(),
            "OFFLINE_STYLE": styles[called(styles, "offline", "css")].decode(),
            # texts: esbuild writes these where they are used, but a list into a chunk that every page loads first
            "WORDS": " ".join(WORDS),
            "INKS": " ".join(INKS),
        },
    )
    kit = archives.pop("kit")
    runtime = {
        "base": f"../runtime-{pack.digest}/",
        "files": pack.files,
        "archives": [{**beside(*kit), "directory": HOME}],
        "data": {name: {**beside(data_paths[name], data[name]), "sha256": hashes[name]} for name in data},
        "elsewhere": elsewhere,
    }
    parts = {name.split("/")[-1]: lying(later, name.split("/")[-1]) for name in PARTS}
    page = esbuild([STATIC / "js/main.js"], {"PARTS": parts, "WORKER": lying(later, "worker"), "RUNTIME": runtime})
    linked = {path: content for path, content in styles.items() if not re.match(AS_TEXT, path)}
    return Assets(
        files=plotly
        | embed
        | later
        | page
        | linked
        | dict([kit, *archives.values()])
        | {data_paths[name]: data[name] for name in data},
        script=called(page, "main", "js"),
        early=f"(()=>{{{early_text}}})()",
        early_hash=sha256_of(f"(()=>{{{early_text}}})()"),
        style=called(styles, "site", "css"),
        embed=called(embed, "embed", "js"),
        index_style=called(styles, "index", "css"),
        lists_style=called(styles, "lists", "css"),
        fonts=[called(styles, name, "woff2") for name in FONTS],
        topics={slug: (path, len(data)) for slug, (path, data) in archives.items()},
        service=service,
        origin=origin_of(elsewhere),
    )


def ended(styles):
    """Each style with a last rule, for nothing: where it is missing, the file has come cut (early.js)."""
    return {path: data + END * path.endswith(".css") for path, data in styles.items()}


def without_idle(styles, classes):
    """The styles, and of the files that they name those that are still named."""
    path = called(styles, "site", "css")
    css = needed(styles[path].decode(), KATEX.read_text(encoding="utf-8"), classes).encode()
    rest = {name: data for name, data in styles.items() if name != path}
    texts = b"".join([css, *(data for name, data in rest.items() if name.endswith(".css"))])
    asked = {name: data for name, data in rest.items() if name.endswith(".css") or Path(name).name.encode() in texts}
    return asked | {f"static/site-{digest(css)}.css": css}


def called(files, name, ending):
    """The path of the one file among these that esbuild has made of what had this name."""
    (path,) = (path for path in files if re.fullmatch(rf"static/{re.escape(name)}-\w+\.{ending}", path))
    return path


def beside(path, content):
    """A file as the page's scripts are told it: they lie in the same folder."""
    return {"url": f"./{Path(path).name}", "bytes": len(content)}


def lying(files, name):
    path = called(files, name, "js")
    return beside(path, files[path])


def sha256_of(text):
    """As a content security policy names a script that stands in the page."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def hashed(name, sha256):
    """A data file's name in the site, as python.js derives it, too."""
    stem, dot, ending = name.partition(".")
    return f"{stem}-{sha256[:16]}{dot}{ending}"


def sources(static):
    files = [path for path in sorted(static.rglob("*")) if path.is_file() and path.suffix != ".md"]
    return [part for path in files for part in (path.relative_to(static).as_posix(), path.read_bytes())]


def esbuild(entries, defines):
    """{path: bytes} of entry points, each bundled whole in itself, or kept from the same sources before."""
    for entry in entries:
        if not entry.is_file():
            raise AssetError(f"{entry} is missing. Remove node_modules/.ready and run make again.")
    defines = {name: json.dumps(value) for name, value in defines.items()}
    ours = entries[0].is_relative_to(STATIC)
    files = sources(STATIC) if ours else [entry.read_bytes() for entry in entries]
    key = digest(json.dumps(defines), *map(str, entries), LOCK.read_bytes(), Path(__file__).read_bytes(), *files)
    stem = entries[0].stem
    made = remembered(BUNDLES / f"{stem}-{key}", key, lambda: run_esbuild(entries, defines))
    forget(stem)
    return made


def forget(stem):
    """Only the latest versions of a bundle are kept."""
    versions = sorted(BUNDLES.glob(f"{stem}-????????????????"), key=lambda path: path.stat().st_mtime)
    for path in versions[:-VERSIONS]:
        path.unlink(missing_ok=True)


def run_esbuild(entries, defines):
    with tempfile.TemporaryDirectory() as out:
        command = [
            shutil.which("node") or "node",
            REPOSITORY / "node_modules/esbuild/bin/esbuild",
            *entries,
            "--bundle",
            "--minify",
            "--format=esm",
            "--target=es2022",
            "--entry-names=[name]-[hash]",
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
            names = ", ".join(map(str, entries))
            raise AssetError(f"esbuild could not bundle {names}:\n{done.stderr.decode(errors='replace').strip()}")
        return {f"static/{path.name}": path.read_bytes() for path in sorted(Path(out).iterdir())}


def pack_topics(topics):
    """{name: zip} of the Python that runs in the browser: first what all topics share, then each topic's own."""
    paths = files_in(topics, "*.py", below=True)
    homes = {path: path.relative_to(topics).parts[0] for path in paths}
    slugs = sorted({home for home in homes.values() if home not in ("kit", "__init__.py")})

    def packed(wanted):
        files = [path for path in paths if wanted(homes[path])]
        return zipped([(f"topics/{path.relative_to(topics).as_posix()}", path.read_bytes()) for path in files], level=9)

    return {"kit": packed(lambda home: home not in slugs)} | {slug: packed(slug.__eq__) for slug in slugs}
