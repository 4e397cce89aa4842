"""`make serve` bears a port that is taken, and more tabs than a browser has connections."""

import socket

import pytest
from playwright.sync_api import expect

from builder.faults import BuildError
from builder.serve import SiteServer
from tests.conftest import serving

pytestmark = pytest.mark.browser


def test_a_taken_port_is_told_and_the_next_one_taken(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with serving(tmp_path, port=taken) as server:
            assert server.server_port != taken
    assert capsys.readouterr().out == f"Port {taken} is taken; {server.server_port} is free.\n"


def test_a_port_that_nobody_may_have_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(
        socket.socket, "bind", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    )
    with pytest.raises(BuildError, match=r"No port from 80 to 99 can be had: Permission denied\. Name one with --port"):
        SiteServer(tmp_path, port=80)


def test_ten_tabs_are_served_and_all_of_them_reload(context, tmp_path):
    (tmp_path / "index.html").write_text("<body><p>old</p></body>")
    with serving(tmp_path, live=True) as server:
        pages = [context.new_page() for _ in range(10)]
        for page in pages:
            with page.expect_response("**/__built"):  # now it knows what it shows
                page.goto(server.url)
        (tmp_path / "index.html").write_text("<body><p>new</p></body>")
        server.reload()
        for page in pages:
            expect(page.locator("p")).to_have_text("new")
