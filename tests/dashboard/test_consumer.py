"""Real sockets of real sites: who gets one, what a viewer who falls silent costs, and how sockets end."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import pytest

from tests.dashboard.websocket import Closed, Refused, WebSocket, number_of
from tests.support.servers import STAFF_NAME, STAFF_PASSWORD, Site, running_site, wait_until

FRAME_BYTES = 500_000
MISUSE, NO_ACCESS, NO_SUCH_PAGE, SILENT, TOO_BIG, TOO_MANY, TRY_LATER = 4400, 4403, 4404, 4408, 4413, 4429, 4503


def impatient_site(prepared_database: Path, directory: Path, *, debug: bool) -> Iterator[Site]:
    shutil.copy(prepared_database, directory)
    with running_site(directory, "tests.dashboard.impatient:application", debug=debug) as site:
        yield site


@pytest.fixture(scope="module")
def open_site(prepared_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with DEBUG on: clients of this machine may look."""
    yield from impatient_site(prepared_database, tmp_path_factory.mktemp("open"), debug=True)


@pytest.fixture(scope="module")
def closed_site(prepared_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site as in production: staff may look."""
    yield from impatient_site(prepared_database, tmp_path_factory.mktemp("closed"), debug=False)


def socket_url(site: Site, path: str = "/impatient/", query: str = "page=overview") -> str:
    return f"{site.url}{path}?{query}"


def log_in(site: Site) -> str:
    """Log in as the staff member, as a person would; answers the cookies."""
    jar = CookieJar()
    browser = build_opener(HTTPCookieProcessor(jar))
    form = browser.open(f"{site.url}/admin/login/").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    assert token
    answers = {"username": STAFF_NAME, "password": STAFF_PASSWORD, "csrfmiddlewaretoken": token[1]}
    browser.open(f"{site.url}/admin/login/", urlencode(answers).encode()).read()
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


def set_active(site: Site, *, active: bool) -> None:
    """Change the staff member behind the site's back."""
    database = sqlite3.connect(site.log_path.parent / "db.sqlite3")
    with database:
        database.execute("UPDATE auth_user SET is_active = ?", [active])
    database.close()


def resident_bytes(site: Site) -> int:
    """How much memory the site's process has in use."""
    answer = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(site.process.pid)],  # noqa: S607 - wherever ps is
        check=True,
        capture_output=True,
    )
    return int(answer.stdout) * 1024


def watch(viewer: WebSocket, seconds: float) -> int:
    """Acknowledge frames for a while, as a browser does; answers how many came."""
    deadline, count = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        viewer.acknowledge(viewer.receive_frame())
        count += 1
    return count


def test_the_live_page_of_a_site_is_where_its_urls_say(open_site: Site) -> None:
    with WebSocket(socket_url(open_site, "/signals/ws/")) as viewer:
        frame = viewer.receive_frame()
    assert 'id="sm-notice" class="notice" hidden' in frame
    assert frame.endswith('<div id="sm-frame" data-frame="1" hidden hx-swap-oob="true"></div>')


def test_each_frame_waits_until_the_last_one_is_acknowledged(open_site: Site) -> None:
    with WebSocket(socket_url(open_site)) as viewer:
        numbers = []
        for _ in range(5):
            frame = viewer.receive_frame()
            numbers.append(number_of(frame))
            viewer.acknowledge(frame)
    assert numbers == [1, 2, 3, 4, 5]


def test_a_viewer_who_falls_silent_gets_one_frame_and_is_closed(open_site: Site) -> None:
    with WebSocket(socket_url(open_site)) as viewer:
        viewer.receive_frame()
        assert viewer.receive() == Closed(SILENT)


def test_a_frame_that_never_was_cannot_be_acknowledged(open_site: Site) -> None:
    with WebSocket(socket_url(open_site)) as viewer:
        viewer.receive_frame()
        viewer.send('{"ack": 2}')
        assert viewer.receive() == Closed(SILENT)


def test_viewers_who_stop_reading_cost_a_frame_each_while_others_go_on(open_site: Site) -> None:
    """Daphne buffers without limit what a stuck client does not read, so nothing more may be handed to it."""
    with ExitStack() as stack:
        viewer = stack.enter_context(WebSocket(socket_url(open_site)))
        watch(viewer, 0.5)
        before = resident_bytes(open_site)
        stuck = [stack.enter_context(WebSocket(socket_url(open_site), receive_buffer=4096)) for _ in range(5)]
        assert watch(viewer, 0.9) > 5
        # Unchecked, the five would hold 45 MB by now.
        assert resident_bytes(open_site) - before < 20e6
        assert watch(viewer, 2.0) > 10
        assert all(socket.drain() < 2 * FRAME_BYTES for socket in stuck)


def test_a_viewer_who_pauses_gets_nothing_and_stays(open_site: Site) -> None:
    with WebSocket(socket_url(open_site)) as viewer:
        first = viewer.receive_frame()
        viewer.send('{"paused": true}')
        viewer.acknowledge(first)
        paused_at = time.monotonic()
        time.sleep(1.5)
        viewer.send('{"paused": false}')
        assert number_of(viewer.receive_frame()) == 2
    assert time.monotonic() - paused_at >= 1.5


@pytest.mark.parametrize(
    ("message", "code"), [("hello", MISUSE), ("{}", MISUSE), ('{"ack": "1"}', MISUSE), ("[" * 201, TOO_BIG)]
)
def test_a_viewer_who_talks_nonsense_is_closed(open_site: Site, message: str, code: int) -> None:
    with WebSocket(socket_url(open_site)) as viewer:
        viewer.receive_frame()
        viewer.send(message)
        assert viewer.receive() == Closed(code)


@pytest.mark.parametrize("message", ['{"paused": false}', '{"ack": 0}'])
def test_a_viewer_who_sends_without_end_is_closed_and_logged_once(open_site: Site, message: str) -> None:
    for _ in range(3):
        with WebSocket(socket_url(open_site)) as viewer:
            with contextlib.suppress(OSError):
                for _ in range(2_000):
                    viewer.send(message)
            answer: object = None
            while not isinstance(answer, Closed):
                answer = viewer.receive()
            assert answer == Closed(TOO_MANY)
    assert open_site.log.count("because it sends too many messages") == 1


def test_a_viewer_who_does_not_read_is_logged_once(open_site: Site) -> None:
    with ExitStack() as stack:
        stuck = [stack.enter_context(WebSocket(socket_url(open_site), receive_buffer=4096)) for _ in range(3)]
        assert wait_until(lambda: "does not read" in open_site.log)
        assert all(viewer.drain() < 2 * FRAME_BYTES for viewer in stuck)
    assert open_site.log.count("because it does not read") == 1


def test_a_page_that_does_not_exist_closes_the_socket_for_good(open_site: Site) -> None:
    with WebSocket(socket_url(open_site, query="page=nowhere")) as viewer:
        assert viewer.receive() == Closed(NO_SUCH_PAGE)


def test_one_view_too_many_is_put_off(open_site: Site) -> None:
    with (
        WebSocket(socket_url(open_site, query="page=overview")),
        WebSocket(socket_url(open_site, query="page=requests")),
        WebSocket(socket_url(open_site, query="page=health")) as third,
    ):
        assert third.receive() == Closed(TRY_LATER)


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:1", "http://127.0.0.1"])
@pytest.mark.parametrize("path", ["/signals/ws/", "/impatient/"])
def test_a_page_from_elsewhere_gets_no_socket(open_site: Site, path: str, origin: str | None) -> None:
    with pytest.raises(Refused, match="403"):
        WebSocket(socket_url(open_site, path), origin=origin)


def test_a_refused_socket_logs_why_once(start_site: Callable[..., Site]) -> None:
    """A proxy that drops the port from Host, or does not say that the page has TLS, would be refused in silence."""
    site = start_site(debug=False)
    port_dropped = {"host": "localhost", "origin": "http://localhost:8080"}
    tls_unsaid = {"host": "localhost", "origin": "https://localhost"}
    for headers in (port_dropped, port_dropped, tls_unsaid, {"host": "evil.example"}, {"origin": None}, {}, {}):
        with pytest.raises(Refused, match="403"):
            WebSocket(f"{site.url}/signals/ws/?page=overview", **headers)
    told = [line.partition("was refused: ")[2] for line in site.log.splitlines() if "was refused: " in line]
    assert len(told) == 5
    assert told[0].startswith(
        "its page is of the origin 'http://localhost:8080', but the request came for 'http://localhost'"
    )
    assert told[1].startswith(
        "its page is of the origin 'https://localhost', but the request came for 'http://localhost'"
    )
    assert told[2] == "its Host header 'evil.example' is not in ALLOWED_HOSTS."
    assert told[3] == "it has no Origin header, which browsers always send."
    assert told[4].startswith("its user may not see the signal monitor")
    assert all("proxy_set_header Host" in text and "CSRF_TRUSTED_ORIGINS" in text for text in told[:2])


def test_a_name_that_an_attacker_points_at_this_machine_gets_nothing(shared_site: Callable[..., Site]) -> None:
    """With DEBUG, and all hosts allowed, a page of the attacker's could otherwise read everything."""
    site = shared_site(env={"DJANGO_SETTINGS_MODULE": "tests.dashboard.any_host_settings"})
    evil = f"evil.example:{urlsplit(site.url).port}"
    with pytest.raises(Refused, match="403"):
        WebSocket(f"{site.url}/signals/ws/?page=overview", host=evil, origin=f"http://{evil}")
    with pytest.raises(HTTPError, match="403"):
        urlopen(Request(f"{site.url}/signals/", headers={"Host": evil}))  # noqa: S310 - the test's own site
    with WebSocket(f"{site.url}/signals/ws/?page=overview") as viewer:
        viewer.receive_frame()


def test_an_origin_that_the_project_trusts_gets_a_socket(shared_site: Callable[..., Site]) -> None:
    """The browser's address and that of the site differ, as behind a proxy that sends its upstream's name."""
    site = shared_site(env={"DJANGO_SETTINGS_MODULE": "tests.dashboard.any_host_settings"})
    for origin in ("https://monitor.example", "http://monitor.example:8080", "https://a.wild.example"):
        with WebSocket(f"{site.url}/signals/ws/?page=overview", origin=origin) as viewer:
            viewer.receive_frame()
    with pytest.raises(Refused, match="403"):
        WebSocket(f"{site.url}/signals/ws/?page=overview", origin="http://monitor.example")


def test_an_anonymous_client_gets_no_socket(closed_site: Site) -> None:
    with pytest.raises(Refused, match="403"):
        WebSocket(socket_url(closed_site, "/signals/ws/"))


def test_staff_get_a_socket_and_lose_it_with_their_account(closed_site: Site) -> None:
    with WebSocket(socket_url(closed_site), cookie=log_in(closed_site)) as viewer:
        watch(viewer, 0.7)
        set_active(closed_site, active=False)
        try:
            while not isinstance(message := viewer.receive(), Closed):
                viewer.acknowledge(message)
        finally:
            set_active(closed_site, active=True)
    assert message == Closed(NO_ACCESS)


def test_a_stopping_server_asks_its_viewers_to_come_back(prepared_database: Path, tmp_path: Path) -> None:
    shutil.copy(prepared_database, tmp_path)
    with running_site(tmp_path) as site, WebSocket(socket_url(site, "/signals/ws/")) as viewer:
        first = viewer.receive_frame()
        viewer.send('{"paused": true}')
        viewer.acknowledge(first)
        time.sleep(2.5)  # Daphne tells nobody while it holds a request that has just ended, as the handshake's
        site.stop()
        assert viewer.receive() == Closed(TRY_LATER)
