"""Access rules of every kind on real sites: page and socket do the same, and only ``True`` lets anybody in."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import pytest

from tests.dashboard.rules import ALLOWING, REFUSING, STAFF
from tests.dashboard.websocket import Refused, WebSocket
from tests.support.servers import STAFF_NAME, STAFF_PASSWORD, Site, running_site

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.dashboard.rule_settings"}
PARTS = ["/signals/", "/signals/api/live/", "/signals/fragments/overview/"]


def site_with_rules(prepared_database: Path, directory: Path, *, wsgi: bool) -> Iterator[Site]:
    shutil.copy(prepared_database, directory)
    with running_site(directory, debug=False, env=SETTINGS, wsgi=wsgi) as site:
        site.may_log_tracebacks = True  # of the rules that raise
        yield site


@pytest.fixture(scope="module")
def asgi_site(prepared_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from site_with_rules(prepared_database, tmp_path_factory.mktemp("asgi"), wsgi=False)


@pytest.fixture(scope="module")
def wsgi_site(prepared_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from site_with_rules(prepared_database, tmp_path_factory.mktemp("wsgi"), wsgi=True)


def status_of(site: Site, path: str, cookie: str) -> int:
    try:
        with urlopen(Request(f"{site.url}{path}", headers={"Cookie": cookie})) as response:  # noqa: S310 - our own site
            return int(response.status)
    except HTTPError as error:
        with error:
            return error.code


def socket_status(site: Site, cookie: str) -> int:
    try:
        with WebSocket(f"{site.url}/signals/ws/?page=overview", cookie=cookie) as viewer:
            assert "sm-frame" in viewer.receive_frame()
    except Refused as error:
        return error.status
    return 200


@pytest.fixture(scope="module")
def staff_cookies(asgi_site: Site, wsgi_site: Site) -> dict[str, str]:
    return {site.url: log_in(site) for site in (asgi_site, wsgi_site)}


def log_in(site: Site) -> str:
    jar = CookieJar()
    browser = build_opener(HTTPCookieProcessor(jar))
    form = browser.open(f"{site.url}/admin/login/").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    assert token
    answers = {"username": STAFF_NAME, "password": STAFF_PASSWORD, "csrfmiddlewaretoken": token[1]}
    browser.open(f"{site.url}/admin/login/", urlencode(answers).encode()).read()
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


def statuses(asgi_site: Site, wsgi_site: Site, asgi_cookie: str, wsgi_cookie: str) -> set[int]:
    pages = {status_of(asgi_site, path, asgi_cookie) for path in PARTS}
    pages |= {status_of(wsgi_site, path, wsgi_cookie) for path in PARTS}
    return pages | {socket_status(asgi_site, asgi_cookie)}


@pytest.mark.parametrize("rule", ALLOWING)
def test_rule_that_returns_true_lets_in(asgi_site: Site, wsgi_site: Site, rule: str) -> None:
    assert statuses(asgi_site, wsgi_site, f"rule={rule}", f"rule={rule}") == {200}


@pytest.mark.parametrize("rule", REFUSING)
def test_rule_that_does_anything_else_refuses(asgi_site: Site, wsgi_site: Site, rule: str) -> None:
    assert statuses(asgi_site, wsgi_site, f"rule={rule}", f"rule={rule}") == {403}


@pytest.mark.parametrize("rule", STAFF)
def test_rule_knows_the_user(asgi_site: Site, wsgi_site: Site, staff_cookies: dict[str, str], rule: str) -> None:
    cookies = [f"rule={rule}; {staff_cookies[site.url]}" for site in (asgi_site, wsgi_site)]
    assert statuses(asgi_site, wsgi_site, *cookies) == {200}
    assert statuses(asgi_site, wsgi_site, f"rule={rule}", f"rule={rule}") == {403}


def test_log_says_once_what_a_rule_does_wrong(asgi_site: Site) -> None:
    for rule in ("error", "error", "one", "one"):
        assert status_of(asgi_site, "/signals/", f"rule={rule}") == 403
    told = "SIGNAL_MONITOR['ACCESS'] lets nobody in: tests.dashboard.rules.chosen"
    assert asgi_site.log.count(f"{told} raised ValueError") == 1
    assert asgi_site.log.count(f"{told} returned an object of the type int, not True or False") == 1
    assert "password=[scrubbed]" in asgi_site.log
    assert "ValueError: password=hunter2" not in asgi_site.log
