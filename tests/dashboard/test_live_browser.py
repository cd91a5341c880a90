"""The live list in a browser: new rows only, held back while somebody reads, filters, and a socket that is dead."""

from __future__ import annotations

import signal
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.servers import PATIENCE_SECONDS, Site, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page whose console stays empty."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    told: list[str] = []
    page.on("pageerror", lambda error: told.append(str(error)))
    yield page
    context.close()
    assert told == []


def get(site: Site, path: str = "/send/") -> None:
    """Make traffic."""
    with urllib.request.urlopen(f"{site.url}{path}", timeout=PATIENCE_SECONDS) as response:  # noqa: S310 - the test's own site
        response.read()


def open_live(page: Page, site: Site, query: str = "?signal=order_placed") -> list[str]:
    """Open the list and wait until it is live; answers the frames that come from then on."""
    frames: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
    page.goto(f"{site.url}/signals/live/{query}")
    page.wait_for_selector('[data-live-status][data-state="live"]')
    return frames


def ids(page: Page) -> list[str]:
    """The rows, from the first on."""
    found: list[str] = page.evaluate("Array.from(document.querySelectorAll('#sm-rows li'), (row) => row.id)")
    return found


def rows_become(page: Page, count: int) -> None:
    assert wait_until(lambda: len(ids(page)) == count)


def test_new_rows_come_first_once_and_link_to_their_dispatch(page: Page, site: Site) -> None:
    get(site)
    frames = open_live(page, site)
    page.wait_for_selector("#sm-rows li")
    frames.clear()
    before = ids(page)
    page.evaluate("document.querySelector('#sm-rows li').dataset.stands = 'yes'")
    for _ in range(3):
        get(site)
    rows_become(page, len(before) + 3)

    assert ids(page)[3:] == before
    assert page.get_attribute(f"#{before[0]}", "data-stands") == "yes"
    assert sum(frame.count("<li ") for frame in frames) == 3
    assert max(len(frame.encode()) for frame in frames) <= 3_000
    page.locator("#sm-rows a").first.click()
    page.wait_for_url("**/signals/dispatches/**")


def test_new_rows_wait_while_somebody_reads(page: Page, site: Site) -> None:
    get(site)
    open_live(page, site)
    page.wait_for_selector("#sm-rows li")
    count = len(ids(page))
    page.hover("#sm-rows li")
    get(site)
    page.wait_for_selector("#sm-new >> text=1 new")
    assert len(ids(page)) == count
    page.mouse.move(5, 5)
    rows_become(page, count + 1)

    page.evaluate("getSelection().selectAllChildren(document.querySelector('#sm-rows'))")
    get(site)
    get(site)
    page.wait_for_selector("#sm-new >> text=2 new")
    page.evaluate("getSelection().removeAllRanges()")
    rows_become(page, count + 3)

    for _ in range(12):
        get(site)
    rows_become(page, count + 15)
    page.set_viewport_size({"width": 1280, "height": 300})
    page.evaluate("scrollTo(0, 400)")
    get(site)
    page.wait_for_selector("#sm-new >> text=1 new")
    box = page.locator("#sm-new").bounding_box()
    assert box
    page.mouse.click(box["x"] + 10, box["y"] + 10)  # page.click() would scroll the list into sight first
    rows_become(page, count + 16)
    assert page.evaluate("scrollY") == 0
    assert page.is_hidden("#sm-new")


def test_filter_keeps_its_form_and_makes_one_entry_of_the_history(page: Page, site: Site) -> None:
    get(site, "/send/?fail")
    open_live(page, site, "")
    page.evaluate("document.querySelector('.filter').dataset.stands = 'yes'")
    entries = page.evaluate("history.length")
    page.type("[name=signal]", "order")
    page.wait_for_url("**signal=order")
    page.type("[name=signal]", "_placed")
    page.wait_for_url("**signal=order_placed")
    assert page.evaluate("history.length") == entries + 1
    assert page.get_attribute(".filter", "data-stands") == "yes"
    assert page.evaluate("document.activeElement.name") == "signal"

    page.select_option("[name=outcome]", "swallowed")
    page.wait_for_url("**outcome=swallowed**")
    page.wait_for_selector('[data-live-status][data-state="live"]')
    count = len(ids(page))
    get(site)
    get(site, "/send/?fail")
    rows_become(page, count + 1)
    page.go_back()
    page.wait_for_url("**signal=order_placed")


def test_dead_socket_looks_dead_and_lives_again(page: Page, site: Site) -> None:
    """The process is stopped: nobody closes the socket."""
    open_live(page, site)
    site.process.send_signal(signal.SIGSTOP)
    try:
        page.wait_for_selector('[data-live-status][data-state="reconnecting"]', timeout=30_000)
        text = page.inner_text("[data-live-status]")
    finally:
        site.process.send_signal(signal.SIGCONT)
    page.wait_for_selector('[data-live-status][data-state="live"]')

    assert text.startswith("As of ")
    get(site)
    rows_become(page, 1)
