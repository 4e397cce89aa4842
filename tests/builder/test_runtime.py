"""The runtime pack: pinned, checked, trimmed, small, the same each time; and its boot in a real browser."""

import ast
import gzip
import hashlib
import json
import platform
import shutil
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import numpy as np
import pytest
from pyodide_lock import PyodideLockSpec

from builder.bundle import runtime
from builder.bundle.runtime import RuntimePackError, is_kept, is_trimmed, trimmed, without_docstrings, zipped
from builder.serve import TYPES
from tests.conftest import serving
from tests.reader import PATIENCE

REPOSITORY = Path(__file__).resolve().parents[2]
WHEEL = b"the one true wheel"
PINS = {
    "wheel": "numpy-0-cp312.whl",
    "sha256": hashlib.sha256(WHEEL).hexdigest(),
    "cdn": "https://cdn.example/",
    "pypi": "carrier==1",
    "pypi_path": "carrier/assets/",
}


@pytest.fixture(scope="module")
def pack():
    return runtime.build_pack(REPOSITORY / ".cache", REPOSITORY / "node_modules", say=lambda _: None)


# Fetching


@pytest.fixture
def sources(monkeypatch):
    """Both sources, by what they give: bytes to answer with, or an exception to raise."""
    answers = SimpleNamespace(cdn=WHEEL, pypi=WHEEL, asked=[])

    def source(name):
        def fetch(pins):
            answers.asked.append(name)
            answer = getattr(answers, name)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return fetch

    monkeypatch.setattr(runtime, "_from_cdn", source("cdn"))
    monkeypatch.setattr(runtime, "_from_pypi", source("pypi"))
    return answers


def fetch(tmp_path):
    return runtime.fetch_wheel(PINS, tmp_path, say=lambda _: None).read_bytes()


def test_a_cached_wheel_is_not_fetched_again(sources, tmp_path):
    assert fetch(tmp_path) == fetch(tmp_path) == WHEEL
    assert sources.asked == ["cdn"]


def test_a_cached_wheel_with_a_wrong_checksum_is_fetched_again(sources, tmp_path):
    (tmp_path / PINS["wheel"]).write_bytes(WHEEL[:-1])
    assert fetch(tmp_path) == WHEEL
    assert sources.asked == ["cdn"]


def test_the_second_source_answers_where_the_first_is_silent(sources, tmp_path):
    sources.cdn = TimeoutError("timed out")
    assert fetch(tmp_path) == WHEEL
    assert sources.asked == ["cdn", "pypi"]


def test_a_downloaded_wheel_with_a_wrong_checksum_is_refused(sources, tmp_path):
    sources.cdn = sources.pypi = b"another wheel"
    with pytest.raises(RuntimePackError, match=hashlib.sha256(b"another wheel").hexdigest()):
        fetch(tmp_path)
    assert not list(tmp_path.iterdir())


def test_when_neither_source_answers_the_error_names_both_what_happened_and_the_remedy(sources, tmp_path):
    sources.cdn, sources.pypi = TimeoutError("no route"), RuntimePackError("no such package")
    with pytest.raises(RuntimePackError) as caught:
        fetch(tmp_path)
    for part in (PINS["wheel"], PINS["cdn"], "no route", PINS["pypi"], "no such package", "Connect", str(tmp_path)):
        assert part in str(caught.value)


# The host


def test_another_python_is_refused_with_the_one_that_is_needed(monkeypatch, tmp_path):
    monkeypatch.setattr(platform, "python_version_tuple", lambda: ("3", "13", "1"))
    with pytest.raises(RuntimePackError, match=r"this is Python 3\.13.*needs 3\.12.*python3\.12"):
        runtime.build_pack(tmp_path, REPOSITORY / "node_modules")


@pytest.mark.parametrize("found", ["0.26.4", None])
def test_another_or_no_pyodide_is_refused_with_the_command_that_brings_it(found, tmp_path):
    if found:
        (tmp_path / "pyodide").mkdir()
        (tmp_path / "pyodide/package.json").write_text(json.dumps({"version": found}))
    with pytest.raises(RuntimePackError, match=f"pyodide is {found or 'missing'}.*npm ci"):
        runtime.build_pack(tmp_path / "cache", tmp_path)


def test_package_json_and_the_pins_name_one_pyodide():
    package = json.loads((REPOSITORY / "package.json").read_text())
    assert package["dependencies"]["pyodide"] == runtime.read_pins()["pyodide"]


# Trimming


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("json.py", True),
        ("json/decoder.py", True),
        ("jsonschema.py", False),
        ("lib/json.py", False),
        ("encodings/utf_8.py", True),
        ("encodings/big5.py", False),
        ("logging/__init__.py", True),
        ("logging/handlers.py", False),
    ],
)
def test_the_keep_list_takes_modules_packages_and_files(name, kept):
    assert is_kept(name, ["json", "encodings/utf_*.py", "logging/__init__.py"]) == kept


@pytest.mark.parametrize(
    ("name", "away"),
    [
        ("numpy/lib/tests/test_io.py", True),
        ("numpy/f2py/rules.py", True),
        ("numpy/__init__.pyi", True),
        ("numpy/_core/lib/libnpymath.a", True),
        ("numpy/_core/_multiarray_tests.cpython-312-wasm32-emscripten.so", False),  # imported by numpy itself
        ("numpy/random/_generator.cpython-312-wasm32-emscripten.so", False),
        ("numpy/fft/_pocketfft.py", False),
        ("numpy-2.0.2.dist-info/LICENSE.txt", False),
    ],
)
def test_the_trim_list_leaves_out_what_no_reader_imports(name, away):
    assert is_trimmed(name, runtime.read_pins()["trim"]) == away


def test_every_name_on_the_keep_list_is_in_the_standard_library():
    with zipfile.ZipFile(REPOSITORY / "node_modules/pyodide/python_stdlib.zip") as archive:
        names = archive.namelist()
    idle = [p for p in runtime.read_pins()["stdlib"] if not any(is_kept(name, [p]) for name in names)]
    assert not idle


SOURCE = b'''"""Module
docstring, \xc3\xa9t\xc3\xa9."""
A = "not a docstring"
class C:
    """One line."""  # a comment
    def m(self, x): "inline"; return x + 1
async def f():
    r"""Raw
    \\d"""
    return """kept"""
'''


def test_a_program_without_docstrings_is_the_same_program_on_the_same_lines():
    bare = without_docstrings(SOURCE)
    scope = {}
    exec(bare, scope)
    assert (scope["__doc__"], scope["C"].__doc__, scope["C"].m.__doc__, scope["f"].__doc__) == ("", "", "", "")
    assert scope["C"]().m(1) == 2 and scope["A"] == "not a docstring"
    assert bare.count(b"\n") == SOURCE.count(b"\n")
    where = [[(n.name, n.lineno) for n in ast.walk(ast.parse(s)) if hasattr(n, "name")] for s in (SOURCE, bare)]
    assert where[0] == where[1]


def test_a_zip_depends_on_its_files_alone(tmp_path, monkeypatch):
    files = {"b.txt": b"2" * 999, "a.py": b'"""Doc."""\nx = 1\n'}
    made = []
    for i, order in enumerate((["a.py", "b.txt"], ["b.txt", "a.py"])):
        monkeypatch.setattr(time, "time", lambda i=i: 1e9 + 1e8 * i)  # years apart
        with zipfile.ZipFile(tmp_path / f"in{i}.zip", "w") as archive:
            for name in order:
                archive.writestr(name, files[name])
        made.append(zipped(trimmed(tmp_path / f"in{i}.zip", lambda name: True), level=9))
    assert (tmp_path / "in0.zip").read_bytes() != (tmp_path / "in1.zip").read_bytes()
    assert made[0] == made[1]


# The real pack


def test_the_pack_is_at_most_8_mb_over_the_wire(pack):
    def wire(path):
        data = path.read_bytes()
        return len(gzip.compress(data, 6) if path.suffix in {".js", ".mjs", ".wasm"} else data)

    assert sum(map(wire, pack.directory.iterdir())) <= 8_000_000


def test_the_pack_says_its_files_and_sizes(pack):
    assert pack.files == {path.name: path.stat().st_size for path in pack.directory.iterdir()}
    assert len(pack.files) == 6


def test_a_ready_pack_is_found_within_50_ms(pack):
    """Best of up to twenty: another process may take the processor for as long."""
    waits = []
    while len(waits) < 3 or (min(waits) >= 0.05 and len(waits) < 20):
        start = time.perf_counter()
        assert runtime.build_pack(REPOSITORY / ".cache", REPOSITORY / "node_modules") == pack
        waits.append(time.perf_counter() - start)
    assert min(waits) < 0.05


def test_the_lock_file_knows_numpy_alone_by_its_checksum(pack):
    lock = PyodideLockSpec.from_json(pack.directory / "pyodide-lock.json")  # valid, says its own library
    assert lock.info.version == "0.27.7"
    (numpy,) = lock.packages.values()
    assert numpy.sha256 == hashlib.sha256((pack.directory / numpy.file_name).read_bytes()).hexdigest()


# In the browser


def boot(browser, directory, files, **more):
    """What the worker says in the end: {"answer": ...} or {"error": ...}. A fresh reader each time."""
    query = urlencode({"worker": "pack.js", "config": json.dumps({"files": files, **more})})
    context = browser.new_context()
    also = {"/js/": REPOSITORY / "templates/static/js", "/pack/": directory}
    with serving(REPOSITORY / "bench/pages", also=also) as server:
        page = context.new_page()
        page.goto(f"{server.url}index.html?{query}")
        page.locator("output[data-done]").wait_for(state="attached", timeout=PATIENCE)
        answer = json.loads(page.locator("output").text_content())
    context.close()
    return answer


@pytest.fixture(scope="module")
def usual(browser, pack):
    """What a boot answers where nothing is amiss."""
    return boot(browser, pack.directory, pack.files)


def in_time(answer, usual):
    """An error within 10 seconds; on a machine so busy that a boot takes half of that, within two boots' time."""
    return answer["ms"] < max(10_000, 2 * usual["ms"])


@pytest.fixture
def broken(pack, tmp_path):
    """A copy of the pack, to break."""
    return shutil.copytree(pack.directory, tmp_path / "pack")


@pytest.mark.browser
def test_numpy_in_the_browser_draws_the_floats_that_cpython_draws(usual):
    assert usual.get("answer") == np.random.default_rng(0).normal(size=3).tolist()


@pytest.mark.browser
def test_a_server_that_knows_no_wasm_type_will_do(browser, pack, monkeypatch):
    monkeypatch.setitem(TYPES, ".wasm", "application/octet-stream")
    assert "answer" in boot(browser, pack.directory, pack.files)


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["pyodide.js", "*.asm.js", "*.wasm", "*.zip", "*.json", "*.whl"])
def test_a_missing_file_is_named_with_its_status(browser, pack, broken, usual, kind):
    (path,) = broken.glob(kind)
    path.unlink()
    answer = boot(browser, broken, pack.files)
    assert answer["error"] == f"{path.name}: HTTP 404"
    assert in_time(answer, usual)


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["*.wasm", "*.zip", "*.whl", "*.json"])
def test_a_truncated_file_is_named_with_how_much_came(browser, pack, broken, usual, kind):
    (path,) = broken.glob(kind)
    half = path.stat().st_size // 2
    path.write_bytes(path.read_bytes()[:half])
    answer = boot(browser, broken, pack.files)
    assert answer["error"].startswith(f"{path.name}: broken off after {half} of {pack.files[path.name]} bytes")
    assert in_time(answer, usual)


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["pyodide.js", "*.asm.js", "*.wasm", "*.zip", "*.whl", "*.json"])
def test_a_damaged_file_of_the_right_size_is_an_error_within_10_seconds(browser, pack, broken, usual, kind):
    (path,) = broken.glob(kind)
    path.write_bytes(b"<" * path.stat().st_size)
    answer = boot(browser, broken, pack.files)
    assert answer["error"].startswith((f"{path.name}: ", "Python does not start: "))
    assert in_time(answer, usual)


@pytest.mark.browser
def test_a_web_page_in_place_of_the_wasm_is_called_so(browser, pack, monkeypatch):
    monkeypatch.setitem(TYPES, ".wasm", "text/html")
    assert boot(browser, pack.directory, pack.files)["error"] == "pyodide.asm.wasm: a web page came in its place"


@pytest.mark.browser
def test_a_restart_needs_no_second_download_of_the_interpreter(browser, pack):
    answer = boot(browser, pack.directory, pack.files, again=True)
    assert len(answer["answer"]) == 3
    assert answer["loaded"] == sum(pack.files.values()) - pack.files["pyodide.asm.wasm"]


def add_archive(directory):
    """Put an archive of topics beside a pack; returns what boot is told about it."""
    (directory / "topics.zip").write_bytes(zipped([("topics/__init__.py", b"ORDER = ['kv_cache']\n")]))
    size = (directory / "topics.zip").stat().st_size
    return {"url": "topics.zip", "bytes": size, "directory": "/site"}


@pytest.mark.browser
def test_an_extra_archive_that_is_missing_is_named(browser, pack, broken):
    archive = add_archive(broken)
    (broken / "topics.zip").unlink()
    assert boot(browser, broken, pack.files, extraArchives=[archive])["error"] == "topics.zip: HTTP 404"


READERS_IMPORTS = """
json inspect importlib dataclasses itertools functools math cmath random collections time statistics heapq bisect
string textwrap fractions decimal re operator contextlib io traceback types typing enum copy pprint hashlib base64
struct zlib zipfile shutil datetime array abc warnings timeit csv pathlib asyncio logging
numpy.linalg numpy.fft numpy.polynomial numpy.random numpy.ma numpy.lib.stride_tricks
"""


ASK = f"""
import importlib, json, js, topics
def fault(name):
    try:
        importlib.import_module(name)
    except Exception as error:
        return f"{{name}}: {{error}}"
faults = list(filter(None, map(fault, {READERS_IMPORTS.split()})))
json.dumps({{"faults": faults, "topics": [topics.__file__, topics.ORDER], "platform": js.navigator.platform}})
"""


@pytest.fixture(scope="module")
def asked(browser, pack, tmp_path_factory):
    """What a Python with an extra archive says of itself, in a browser that calls itself an iPad: one boot for all."""
    directory = shutil.copytree(pack.directory, tmp_path_factory.mktemp("asked") / "pack")
    more = {"extraArchives": [add_archive(directory)], "iPad": True, "code": ASK}
    return json.loads(boot(browser, directory, pack.files, **more)["answer"])


@pytest.mark.browser
def test_what_a_readers_code_may_import_is_there(asked):
    assert asked["faults"] == []


@pytest.mark.browser
def test_an_extra_archive_can_be_imported(asked):
    assert asked["topics"] == ["/site/topics/__init__.py", ["kv_cache"]]


@pytest.mark.browser
def test_an_ipad_that_calls_itself_a_mac_is_called_an_ipad(asked):
    assert asked["platform"] == "iPad"  # Pyodide asks this, and crashes on iPadOS when it is not told
