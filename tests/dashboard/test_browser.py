"""The dashboard in a real browser: rows arrive, filters filter, pause pauses, and nothing is fetched from elsewhere."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.support.proxy import running_proxy
from tests.support.servers import PATIENCE_SECONDS, STAFF_NAME, STAFF_PASSWORD, Site, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow


class Watched:
    """A page, what its console said, and where it went."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site
        self.console: list[str] = []
        self.elsewhere: list[str] = []
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        page.on("request", lambda request: self._note(request.url))
        page.on("websocket", lambda socket: self._note(socket.url))

    def _note(self, url: str) -> None:
        if urlsplit(url).netloc != urlsplit(self.site.url).netloc and not url.startswith("data:"):
            self.elsewhere.append(url)

    def open(self, path: str) -> Page:
        """Open a page and wait until it is live."""
        response = self.page.goto(f"{self.site.url}{path}")
        assert response is not None
        assert response.status == 200
        self.page.wait_for_selector('[data-live-status][data-state="live"]')
        return self.page


@pytest.fixture
def watched(chromium: Browser, site: Site) -> Iterator[Watched]:
    """A page that must not complain in its console, nor ask another host for anything."""
    context = chromium.new_context()
    watched = Watched(context.new_page(), site)
    yield watched
    context.close()
    assert watched.console == []
    assert watched.elsewhere == []


def get(site: Site, path: str) -> int:
    """Make traffic."""
    with urllib.request.urlopen(f"{site.url}{path}", timeout=PATIENCE_SECONDS) as response:  # noqa: S310 - the test's own site
        return int(response.status)


@contextmanager
def traffic(site: Site, path: str) -> Iterator[None]:
    """Requests to a page, again and again, while a block runs."""
    ended = threading.Event()

    def again() -> None:
        while not ended.wait(0.1):
            get(site, path)

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def text(page: Page, selector: str) -> str:
    return page.inner_text(selector)


def test_rows_arrive_without_a_reload(watched: Watched) -> None:
    page = watched.open("/signals/live/")
    assert "charge_card" not in text(page, "#sm-rows")

    get(watched.site, "/send/?ms=150&fail")

    page.wait_for_selector("#sm-rows >> text=charge_card")
    row = page.locator("#sm-rows li", has_text="order_placed").first
    assert "swallowed" in row.inner_text()
    assert "card declined" in row.inner_text()


def test_overview_shows_the_slow_and_the_failing_without_a_reload(watched: Watched) -> None:
    page = watched.open("/signals/")
    get(watched.site, "/send/?ms=150&fail")

    page.wait_for_selector("#sm-waits >> text=reserve_stock")
    page.wait_for_selector(":is(#sm-failing, #sm-findings) >> text=charge_card")
    page.wait_for_selector("#sm-count-errors >> text=1")
    assert "slow from 100 ms" in text(page, "#sm-waits")
    assert "ValueError: card declined" in text(page, "#sm-failing") + text(page, "#sm-findings")


def test_hung_receiver_is_on_the_page_while_it_hangs(watched: Watched) -> None:
    page = watched.open("/signals/")
    hanging = threading.Thread(target=get, args=(watched.site, "/send/?ms=5000"))
    hanging.start()
    try:
        page.wait_for_selector("#sm-running >> text=reserve_stock")
        page.locator("#sm-running summary").first.click()
        page.wait_for_selector("#sm-running >> text=/views.py/")
        page.wait_for_selector('[data-live-status][data-state="held"]')  # it has the focus: it stays as it is
    finally:
        hanging.join()
    page.click("h1")
    page.wait_for_selector("#sm-running.nothing", state="attached")


def test_error_stays_closed_when_it_happens_again(watched: Watched) -> None:
    get(watched.site, "/send/?fail")
    page = watched.open("/signals/errors/")
    page.wait_for_selector(".errors details[open]")
    page.locator(".errors summary").first.click()
    page.click("h1")  # what has the focus waits
    get(watched.site, "/send/?fail")
    page.wait_for_selector(".errors .price >> text=2")
    assert page.locator(".errors details[open]").count() == 0


def test_pause_holds_the_page_still_and_resume_catches_up(watched: Watched) -> None:
    page = watched.open("/signals/live/")
    page.click("[data-live-pause]")
    page.wait_for_selector('[data-live-status][data-state="paused"]')
    assert text(page, "[data-live-pause]") == "Resume"

    get(watched.site, "/send/?fail")
    page.wait_for_timeout(1_500)
    assert "charge_card" not in text(page, "#sm-rows")

    page.keyboard.press("p")
    page.wait_for_selector("#sm-rows >> text=charge_card")
    assert text(page, "[data-live-pause]") == "Pause"


def test_dispatch_opens_with_its_waterfall_and_links_on(watched: Watched) -> None:
    get(watched.site, "/send/?ms=120&fail")
    page = watched.open("/signals/live/?signal=order_placed")
    page.locator("#sm-rows a").first.click()

    page.wait_for_url("**/signals/dispatches/**")
    waterfall = text(page, "#sm-dispatch")
    assert all(name in waterfall for name in ("reserve_stock", "charge_card", "send_mail", "swallowed"))
    page.click("#sm-dispatch >> text=reserve_stock")
    page.wait_for_url("**/signals/receivers/tests.views.reserve_stock/**")
    assert page.locator("svg").count() >= 2
    assert "tests/views.py" in text(page, "main")


def test_request_shows_its_share_of_signal_time(watched: Watched) -> None:
    get(watched.site, "/send/?ms=150")
    page = watched.open("/signals/requests/")
    page.locator("main tr", has_text="/send/").locator("a[href*='/requests/']").first.click()

    page.wait_for_url("**/signals/requests/**")
    page.wait_for_selector("main >> text=order_placed")


@pytest.mark.parametrize(
    "path",
    ["", "live/", "signals/", "receivers/", "requests/", "health/"],
    ids=lambda path: path or "overview",
)
def test_every_page_is_live_under_traffic_and_empty(watched: Watched, path: str) -> None:
    watched.open(f"/signals/{path}")
    with traffic(watched.site, "/send/?fail"):
        assert wait_until(lambda: int(watched.page.get_attribute("#sm-frame", "data-frame") or 0) >= 2)
    watched.page.set_viewport_size({"width": 390, "height": 800})
    assert watched.page.evaluate("document.documentElement.scrollWidth") == 390


def test_browser_that_leaves_and_comes_back_is_live_again(watched: Watched) -> None:
    page = watched.open("/signals/live/")
    page.goto(f"{watched.site.url}/send/")
    page.go_back()

    page.wait_for_selector('[data-live-status][data-state="live"]')
    get(watched.site, "/send/?fail")
    page.wait_for_selector("#sm-rows >> text=charge_card")


def test_content_security_policy_is_strict(site: Site) -> None:
    with urllib.request.urlopen(f"{site.url}/signals/", timeout=PATIENCE_SECONDS) as response:  # noqa: S310 - the test's own site
        policy = response.headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_polling_under_plain_wsgi(chromium: Browser, shared_site: Callable[..., Site]) -> None:
    site = shared_site(wsgi=True)
    page = chromium.new_page()
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(f"{site.url}/signals/live/")
    page.wait_for_selector('[data-live-status][data-state="polling"]')

    get(site, "/send/?fail")
    page.wait_for_selector("#sm-rows >> text=charge_card")
    assert sockets == []
    page.close()


def test_page_that_follows_one_without_websockets_polls_at_once(chromium: Browser, site: Site) -> None:
    """The proxy does not pass websockets on."""
    with running_proxy(site.url, passes_sockets=False) as origin:
        page = chromium.new_page()
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        page.goto(f"{origin}/signals/live/")
        page.wait_for_selector('[data-live-status][data-state="polling"]')
        page.goto("about:blank")  # the first page may be about to try once more
        tried = len(sockets)

        page.goto(f"{origin}/signals/")
        page.wait_for_selector('[data-live-status][data-state="polling"]')
        assert (tried > 0, len(sockets)) == (True, tried)

        page.evaluate("sessionStorage.setItem('signal-monitor-no-sockets', String(Date.now() - 300_001))")
        page.goto(f"{origin}/signals/live/")
        page.wait_for_selector('[data-live-status][data-state="polling"]')
        assert len(sockets) > tried
        page.close()


def test_page_without_its_static_files_says_so(chromium: Browser, site: Site) -> None:
    page = chromium.new_page()
    page.goto(f"{site.url}/signals/")
    assert not page.is_visible(".unstyled")

    page.route("**/static/**", lambda route: route.abort())
    page.goto(f"{site.url}/signals/")
    assert "Run collectstatic" in text(page, ".unstyled")
    assert "Connecting" not in text(page, "body")
    page.close()


def test_anonymous_clients_get_neither_page_nor_socket(chromium: Browser, shared_site: Callable[..., Site]) -> None:
    site = shared_site(debug=False)
    page = chromium.new_page()
    page.goto(f"{site.url}/signals/live/")
    assert "/signals/" not in urlsplit(page.url).path
    assert "Signals" not in page.title()
    closed = page.evaluate(
        """url => new Promise(resolve => {
            const socket = new WebSocket(url);
            socket.onopen = () => resolve("opened");
            socket.onclose = () => resolve("refused");
        })""",
        site.url.replace("http", "ws") + "/signals/ws/?page=live",
    )
    assert closed == "refused"
    page.close()


def test_staff_gets_in_without_debug(chromium: Browser, shared_site: Callable[..., Site]) -> None:
    site = shared_site(debug=False)
    page = chromium.new_page()
    page.goto(f"{site.url}/signals/live/")
    page.fill("[name=username]", STAFF_NAME)
    page.fill("[name=password]", STAFF_PASSWORD)
    page.click("[type=submit]")

    page.wait_for_url("**/signals/live/")
    assert wait_until(lambda: "Signals" in page.title())
    page.close()


def test_keys_search_open_tabs_and_move_between_rows(watched: Watched) -> None:
    get(watched.site, "/send/?ms=150")
    page = watched.open("/signals/live/")
    page.wait_for_selector("#sm-rows li")
    page.keyboard.press("/")
    page.keyboard.type("reserve")
    page.keyboard.press("Enter")
    page.wait_for_url("**/signals/search/?q=reserve")
    page.wait_for_selector("main .results a")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('.results') !== null")
    page.keyboard.press("?")
    assert page.is_visible("#sm-keys")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.wait_for_url("**/signals/errors/")


def test_keys_can_be_switched_off(watched: Watched) -> None:
    page = watched.open("/signals/?keys=off")
    page.keyboard.press("?")
    page.keyboard.press("p")
    assert not page.is_visible("#sm-keys")
    assert text(page, "[data-live-pause]") == "Pause"
    page = watched.open("/signals/live/")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") != "sm-search"


def test_tabs_keep_the_period(watched: Watched) -> None:
    page = watched.open("/signals/?period=15m")
    page.click(".tabs >> text=Errors")
    page.wait_for_url("**/signals/errors/?period=15m")
