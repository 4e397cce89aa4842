"""Edited code in an address: small, whole, and harmless when it is not ours."""

import base64
import json
import subprocess
import zlib

import pytest

from tests.conftest import REPOSITORY

SQUEEZE = (REPOSITORY / "templates/static/js/editing/squeeze.js").as_uri()


def js(expression):
    script = f'import {{ squeeze, unsqueeze }} from "{SQUEEZE}"; console.log(JSON.stringify(await {expression}))'
    done = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


CODE = 'def f(x):\n    return x * \'é→𝄞\' + """quotes""" & ; = #\n'


@pytest.mark.parametrize("text", ["", CODE, CODE * 100], ids=["empty", "code", "long"])
def test_a_text_comes_back_whole(text):
    assert js(f"squeeze({json.dumps(text)}).then(unsqueeze)") == text


def test_a_squeezed_text_needs_no_escape_in_an_address():
    assert js(f"squeeze({json.dumps(CODE)}).then((s) => /^[\\w-]+$/.test(s))")


def test_code_that_repeats_itself_becomes_small():
    assert js(f"squeeze({json.dumps(CODE * 100)}).then((s) => s.length)") < 300


def test_what_would_not_be_unfolded_is_not_squeezed():
    assert js(f"squeeze({json.dumps('x' * 20_001)})") is None
    assert js("squeeze('é→𝄞x'.repeat(4000)).then(unsqueeze).then((text) => text.length)") == 20_000


def deflated(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.urlsafe_b64encode(packer.compress(data) + packer.flush()).decode().rstrip("=")


@pytest.mark.parametrize(
    "letters",
    [
        "%%%",
        "AAAA",
        "not base64!",
        deflated(b"\xff\xfe"),
        deflated(b"x" * 100_000_000),
        deflated(b"def f(): pass")[:-4],
    ],
    ids=["signs", "no deflate", "no base64", "no utf-8", "bomb", "cut short"],
)
def test_what_is_not_ours_gives_nothing(letters):
    assert js(f"unsqueeze({json.dumps(letters)})") is None
