from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.support.servers import PATIENCE_SECONDS, Site, find_program, running_site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BREAKS = """
async def application(scope, receive, send):
    raise RuntimeError("broken")
"""


def get(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:  # noqa: S310 - the site that the test started
        return response.status, response.read().decode()


def port_of(site: Site) -> int:
    return urlsplit(site.url).port or 0


def test_site_answers(site: Site) -> None:
    assert get(f"{site.url}/send/?fail") == (200, "3 receivers")
    assert get(f"{site.url}/asend/") == (200, "3 receivers")


def test_sites_are_apart(start_site: Callable[..., Site]) -> None:
    assert port_of(start_site()) != port_of(start_site(debug=False))


def test_site_stops_cleanly(site: Site) -> None:
    port = port_of(site)
    site.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)


def test_site_with_a_traceback_in_its_log_fails_the_test(tmp_path: Path) -> None:
    (tmp_path / "breaks.py").write_text(BREAKS)
    with (
        pytest.raises(AssertionError, match="RuntimeError: broken"),
        running_site(tmp_path, "breaks:application", env={"PYTHONPATH": str(tmp_path)}) as site,
        pytest.raises(urllib.error.HTTPError),
    ):
        get(site.url)


def test_site_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="No module named 'nowhere'"),
        running_site(tmp_path, "nowhere:application"),
    ):
        pass


def test_chromium_opens_a_page(chromium: Browser, site: Site) -> None:
    page = chromium.new_page()
    page.goto(f"{site.url}/send/")
    assert page.text_content("body") == "3 receivers"


def test_redis_answers(redis_server: str) -> None:
    address = urlsplit(redis_server)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(b"SET key value\r\n")
        assert connection.recv(16) == b"+OK\r\n"


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_missing_program_skips_and_fails_under_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[Exception]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=r"no-such-program is not installed \(sudo apt install such-package\)"):
        find_program("no-such-program", package="such-package")
