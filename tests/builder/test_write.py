"""A site is written whole or not at all, and what a cache holds is used only if it is what was written."""

import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from builder.bundle import runtime
from builder.cache import Memory, keep, recall, remembered
from builder.faults import FaultsError
from builder.write import refuse_foreign, write
from tests.conftest import REPOSITORY


@pytest.fixture
def pack(tmp_path):
    directory = tmp_path / "pack"
    directory.mkdir()
    (directory / "pyodide-lock.json").write_text("{}")
    return SimpleNamespace(digest="0", directory=directory)


def files_of(out):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_a_full_disk_leaves_the_site_that_was_there(tmp_path, pack, monkeypatch):
    out = tmp_path / "out"
    write(out, {"a.html": b"old", "b.html": b"old"}, pack)
    before = files_of(out)
    room = [5]

    def write_bytes(path, data, whole=Path.write_bytes):
        whole(path, data[: room[0]])
        room[0] -= len(data)
        if room[0] < 0:
            raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", write_bytes)
        with pytest.raises(FaultsError, match="No space left on device"):
            write(out, {"a.html": b"new", "b.html": b"new"}, pack)
    assert files_of(out) == before
    assert write(out, {"a.html": b"new", "b.html": b"new"}, pack) == 2


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_an_interrupted_build_is_taken_up_by_the_next(tmp_path, pack, monkeypatch, moved):
    out, files, moves, move = tmp_path / "out", {"a.html": b"1", "static/a.js": b"2"}, [], Path.replace

    def replace(path, target):
        if len(moves) == moved:
            raise KeyboardInterrupt
        moves.append(path)
        return move(path, target)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "replace", replace)
        write(out, files, pack)
    assert not (out / "a.html").exists()  # before what it names
    refuse_foreign(out)
    write(out, files, pack)
    assert set(files_of(out)) == {*files, "runtime-0/pyodide-lock.json"}


def test_a_folder_that_was_a_file_and_a_file_that_was_a_folder(tmp_path, pack):
    out = tmp_path / "out"
    write(out, {"a": b"1", "b/c": b"2"}, pack)
    write(out, {"a/d": b"1", "b": b"2"}, pack)
    assert set(files_of(out)) == {"a/d", "b", "runtime-0/pyodide-lock.json"}


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(FaultsError, match="out: is a file"):
        refuse_foreign(tmp_path / "out")


# ---- what is kept


DAMAGES = [
    lambda data: data[:-1],
    lambda data: data[:10],
    lambda data: b"",
    lambda data: data[:-3] + bytes([data[-3] ^ 1]) + data[-2:],
    lambda data: b'{"a": ',
    lambda data: bytes(len(data)),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_made_anew(tmp_path, damage):
    keep(tmp_path / "thing", "key", {"html": "<p>Words.</p>"})
    memory = Memory(tmp_path / "texts.json")
    memory.get("a", lambda: "text")
    memory.save()
    for path in (tmp_path / "thing", tmp_path / "texts.json"):
        path.write_bytes(damage(path.read_bytes()))
    assert recall(tmp_path / "thing", "key") is None
    assert remembered(tmp_path / "thing", "key", lambda: "anew") == "anew"
    assert Memory(tmp_path / "texts.json").get("a", lambda: "anew") == "anew"
    assert recall(tmp_path / "thing", "key") == "anew"


def test_a_pack_of_which_a_byte_is_missing_is_not_shipped(tmp_path):
    pack = runtime.build_pack(REPOSITORY / ".cache", REPOSITORY / "node_modules")
    shutil.copytree(pack.directory, tmp_path / "runtime" / pack.digest)
    note = next(path for path in (REPOSITORY / ".cache/runtime").glob("*.json") if runtime._kept(path) == pack)
    copied = tmp_path / "runtime" / note.name
    shutil.copy(note, copied)
    assert runtime._kept(copied).digest == pack.digest
    wasm = tmp_path / "runtime" / pack.digest / "pyodide.asm.wasm"
    for damage in (lambda data: data[:100], lambda data: data[:-1] + b"x"):
        whole = wasm.read_bytes()
        wasm.write_bytes(damage(whole))
        assert runtime._kept(copied) is None
        wasm.write_bytes(whole)
    wasm.unlink()
    assert runtime._kept(copied) is None
    for text in ("", "{", "[]"):
        copied.write_text(text)
        assert runtime._kept(copied) is None


# ---- make


def make(folder, *arguments, **env):
    import subprocess

    command = ["make", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | env)


PYTHON = """#!/bin/sh
case "$*" in
*"-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo made >>log; $INTERRUPT;;
*"pip install"*) echo installed >>log; exit ${PIP:-0};;
*merges*) touch topics/data/gpt2.merges;;
esac
"""
NPM = "#!/bin/sh\nmkdir -p node_modules; echo npm >>log; exit ${NPM:-0}\n"


@pytest.fixture
def tree(tmp_path):
    """A tree without anything installed, below a path with spaces and accents, and tools that only say what they do."""
    root = tmp_path / "a place with an é"
    (root / "builder/bundle").mkdir(parents=True)
    (root / "topics/data").mkdir(parents=True)
    for file in (
        "Makefile",
        "builder/make-venv.sh",
        "requirements.txt",
        "package-lock.json",
        "builder/bundle/merges.py",
    ):
        shutil.copy(REPOSITORY / file, root / file)
    tools = tmp_path / "tools"
    tools.mkdir()
    texts = {"python3.12": PYTHON, "npm": NPM, "node": "#!/bin/sh\n"}
    for name, text in texts.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return SimpleNamespace(root=root, env={"PATH": f"{tools}:/usr/bin:/bin", "PYENV_ROOT": str(tmp_path)})


def log(tree):
    found = (tree.root / "log").read_text().split() if (tree.root / "log").exists() else []
    (tree.root / "log").unlink(missing_ok=True)
    return found


def test_an_environment_is_made_anew_unless_all_is_in_it(tree):
    assert make(tree.root, "setup", **tree.env, INTERRUPT="kill -9 $PPID").returncode != 0  # while it was being made
    assert log(tree) == ["made"]
    assert make(tree.root, "setup", **tree.env, PIP="1").returncode != 0  # while packages were being installed
    assert log(tree) == ["made", "installed"]
    assert make(tree.root, "setup", **tree.env).returncode == 0
    assert log(tree) == ["made", "installed", "npm"]
    assert make(tree.root, "setup", **tree.env).returncode == 0
    assert log(tree) == []
    (tree.root / ".venv/bin/python").unlink()  # the system's Python was removed from under it
    assert make(tree.root, "setup", **tree.env).returncode == 0
    assert log(tree) == ["made", "installed"]
    later = (tree.root / ".venv/.ready").stat().st_mtime + 1  # a file system may count in hundredths of a second
    os.utime(tree.root / "requirements.txt", (later, later))  # another version of a package: what is there stays
    assert make(tree.root, "setup", **tree.env).returncode == 0
    assert log(tree) == ["installed"]


def test_what_npm_refuses_is_no_silence(tree):
    done = make(tree.root, "setup", **tree.env, NPM="1")
    assert done.returncode != 0 and not (tree.root / "node_modules/.ready").exists()


def test_no_script_of_ours_reads_a_text_by_the_locale():
    """`build.py` runs in UTF-8 mode; what tests and benches import names its encoding, or reads bytes."""
    for path in [*(REPOSITORY / "builder").rglob("*.py"), *(REPOSITORY / "topics/kit").rglob("*.py")]:
        code = path.read_text(encoding="utf-8")
        for call in re.findall(r"\.(?:read_text|write_text)\([^\n]*|(?<![\w.])open\([^\n]*|text=True[^\n]*", code):
            assert "encoding=" in call, f"{path}: {call}"


def test_a_file_of_npm_that_was_cut_is_not_shipped(tmp_path):
    shutil.copytree(REPOSITORY / "node_modules/pyodide", tmp_path / "pyodide")
    pins, wasm = runtime.read_pins(), tmp_path / "pyodide/pyodide.asm.wasm"
    runtime.check_files(pins, tmp_path / "pyodide")
    wasm.write_bytes(wasm.read_bytes()[:100])
    with pytest.raises(runtime.RuntimePackError, match=r"pyodide\.asm\.wasm is damaged: .* run make again"):
        runtime.check_files(pins, tmp_path / "pyodide")
