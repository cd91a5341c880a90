"""The headers that all answers of the dashboard have, on a real site."""

from __future__ import annotations

from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from signal_monitor.dashboard.response_headers import content_security_policy
from tests.support.servers import PATIENCE_SECONDS, Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

EXPECTED = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self' ws://localhost; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}
PAGE = {"Host": "localhost"}
STRANGER = {"Host": "localhost", "Via": "1.1 proxy"}
BROWSER = {**STRANGER, "Accept": "text/html"}


def answer(site: Site, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    connection = HTTPConnection("127.0.0.1", urlsplit(site.url).port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        response.read()
        return response.status, {name.lower(): value for name, value in response.getheaders()}
    finally:
        connection.close()


def test_all_answers_have_the_headers(site: Site) -> None:
    for method, path, headers, expected in [
        ("GET", "/signals/", PAGE, 200),
        ("GET", "/signals/live/?outcome=failed", PAGE, 200),
        ("HEAD", "/signals/", PAGE, 200),
        ("GET", "/signals/fragments/overview/", PAGE, 200),
        ("GET", "/signals/fragments/nowhere/", PAGE, 404),
        ("GET", "/signals/api/overview/", PAGE, 200),
        ("GET", "/signals/api/live/?nonsense=1", PAGE, 400),
        ("GET", "/signals/dispatches/nosuch/", PAGE, 404),
        ("GET", "/signals/api/dispatches/nosuch/", PAGE, 404),
        ("POST", "/signals/", PAGE, 405),
        ("GET", "/signals/", STRANGER, 403),
        ("GET", "/signals/api/live/", STRANGER, 403),
        ("GET", "/signals/", BROWSER, 302),
    ]:
        status, found = answer(site, method, path, headers)
        assert (method, path, status) == (method, path, expected)
        assert {name: found.get(name) for name in EXPECTED} == EXPECTED, (method, path)


def test_static_files_of_another_site_are_allowed(settings: Settings) -> None:
    settings.STATIC_URL = "https://cdn.example/static/"
    policy = content_security_policy(RequestFactory().get("/signals/", secure=True))
    assert policy.startswith("default-src 'none'; script-src 'self' https://cdn.example; style-src 'self' https://cdn")
    assert "connect-src 'self' wss://testserver;" in policy


@pytest.mark.parametrize(
    "path", ["/signals/", "/signals/live/", "/signals/requests/", "/signals/errors/", "/signals/health/"]
)
def test_browser_reports_nothing_that_the_policy_blocks(site: Site, chromium: Browser, path: str) -> None:
    page = chromium.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{site.url}{path}")
    page.wait_for_selector("[data-live-status][data-state=live]")
    page.close()
    assert not [text for text in said if "Content Security Policy" in text or "Content-Security-Policy" in text]
