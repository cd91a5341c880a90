"""Pages of a site that is not set up well say what is missing."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor.checks import MIDDLEWARE
from signal_monitor.dashboard.urls import ROUTES
from signal_monitor.instrumentation import instrument, is_instrumented, uninstrument
from signal_monitor.stores.base import Store
from tests.dashboard.test_api import PATHS

BANNER = "This process does not observe signals"


@pytest.fixture
def unobserved() -> Iterator[None]:
    """Signals as Django has them."""
    was_instrumented = is_instrumented()
    uninstrument()
    yield
    if was_instrumented:
        instrument()


@pytest.mark.usefixtures("unobserved")
@pytest.mark.parametrize("page", [page for page in ROUTES if page not in PATHS])
def test_page_of_a_process_that_does_not_observe_says_so(quiet_store: Store, client: Client, page: str) -> None:
    assert BANNER in client.get(f"/signals/{ROUTES[page]}").content.decode()


def test_page_of_a_process_that_observes_has_no_banner(shop: Store, client: Client) -> None:
    instrument()

    assert BANNER not in client.get("/signals/").content.decode()


def test_requests_say_that_the_middleware_is_missing(shop: Store, client: Client, settings: Settings) -> None:
    missing = f"<code>{MIDDLEWARE}</code> is not in MIDDLEWARE"
    assert missing not in client.get("/signals/requests/").content.decode()

    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != MIDDLEWARE]

    assert missing in client.get("/signals/requests/").content.decode()


def test_page_without_django_htmx_says_what_to_add(shop: Store, client: Client, settings: Settings) -> None:
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != "django_htmx"]

    response = client.get("/signals/")

    assert response.status_code == 503
    assert 'add "django_htmx" to INSTALLED_APPS' in response.content.decode()


@pytest.mark.parametrize("url", ["/signals/api/overview/", "/signals/fragments/overview/"])
def test_refusal_is_logged_without_a_traceback(
    client: Client, settings: Settings, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "ENABLED": False}

    with caplog.at_level(logging.INFO):
        response = client.get(url, REMOTE_ADDR="203.0.113.7")

    assert response.status_code == 403
    assert [record.exc_info for record in caplog.records if record.name == "django.request"] == [None]
