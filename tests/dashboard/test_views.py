"""Pages and JSON over HTTP: they answer, keep a strict content security policy possible, and say what is wrong."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import AsyncClient, Client, RequestFactory
from django.urls import get_resolver
from pytest_django.fixtures import Settings

import signal_monitor.routing  # noqa: F401 - this process serves the websocket
from signal_monitor.dashboard import views
from signal_monitor.dashboard.pages import PAGES
from signal_monitor.dashboard.pages.base import View
from signal_monitor.dashboard.views import live_urls
from signal_monitor.instrumentation import instrument, is_instrumented, uninstrument
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.drawing import get_json, url_of
from tests.dashboard.examples import ARGUMENTS, MARKUP, dispatch, process, totals

DJANGO_TEMPLATES = "django.template.backends.django.DjangoTemplates"
BANNER = "This process does not observe signals"
WITHOUT_ARGUMENTS = [page for page in PAGES if page not in ARGUMENTS]


@pytest.mark.parametrize("page", PAGES)
def test_page_keeps_a_strict_content_security_policy(shop: Store, client: Client, page: str) -> None:
    response = client.get(url_of(page))
    html = response.content.decode()

    assert response.status_code == 200
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|hx-on|javascript:|js:", html)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_to_a_page(shop: Store, client: Client, page: str) -> None:
    html = client.get(url_of(page)).content.decode()

    paths = {href.partition("?")[0].partition("#")[0] for href in re.findall(r'<a [^>]*href="([^"]*)"', html)}

    assert all(get_resolver().resolve(path.replace("%3C", "<").replace("%3E", ">")) for path in paths if path)


@pytest.mark.parametrize("page", WITHOUT_ARGUMENTS)
def test_page_without_any_record_says_what_to_do(quiet_store: Store, client: Client, page: str) -> None:
    response = client.get(url_of(page))

    assert response.status_code == 200
    said = "Still nothing?" if page == "overview" else 'class="empty'
    assert said in response.content.decode()


@pytest.mark.parametrize("page", ARGUMENTS)
def test_page_of_something_not_stored_is_a_friendly_404(quiet_store: Store, client: Client, page: str) -> None:
    response = client.get(url_of(page))

    assert response.status_code == 404
    html = response.content.decode()
    assert f"This {page} is not in the store" in html or f"No {page} has this name" in html
    assert "The store is empty" in html or page == "finding"


@pytest.mark.parametrize(
    ("page", "query", "message"),
    [
        ("live", "min_ms=abc&signal=save", "Not a number of milliseconds"),
        ("live", "min_ms=9300000000000", "Enter at most 86400000 ms, a day."),
        ("requests", "before=never", "“before” is not a time"),
        ("live", "outcome=%3Cb%3E", "“&lt;b&gt;” is not a valid choice"),
        ("overview", "period=zzz", "“zzz” is not a valid choice"),
        ("receivers", "sort=zzz", "“zzz” is not a valid choice"),
        ("requests", "min_ms=-5", "Not a number of milliseconds"),
    ],
)
def test_bad_parameter_is_told_of(shop: Store, client: Client, page: str, query: str, message: str) -> None:
    response = client.get(f"{url_of(page)}?{query}")

    assert response.status_code == 200
    assert message in response.content.decode()


async def test_page_names_its_websocket_and_what_to_poll(shop: Store, async_client: AsyncClient) -> None:
    response = await async_client.get(f"{url_of('live')}?signal=save&outcome=odd")
    html = response.content.decode()

    assert 'ws-connect="/signals/ws/?page=live&amp;signal=save"' in html
    assert 'hx-get="/signals/fragments/live/?signal=save"' in html


def test_page_offers_no_websocket_under_wsgi(shop: Store, client: Client) -> None:
    html = client.get(url_of("live")).content.decode()

    assert "ws-connect" not in html
    assert 'hx-get="/signals/fragments/live/?"' in html


@pytest.mark.parametrize(
    "templates",
    [
        [],
        [{"BACKEND": "django.template.backends.dummy.TemplateStrings"}],
        [{"BACKEND": DJANGO_TEMPLATES, "OPTIONS": {"string_if_invalid": "INVALID %s", "autoescape": False}}],
    ],
    ids=["none", "another backend", "other options"],
)
@pytest.mark.parametrize("page", PAGES)
def test_page_looks_the_same_whatever_engine_the_project_has(
    shop: Store, client: Client, settings: Settings, page: str, templates: list[dict[str, object]]
) -> None:
    settings.TEMPLATES = templates
    settings.FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
    response = client.get(url_of(page))

    assert response.status_code == 200
    assert "INVALID" not in response.content.decode()


def test_fragments_are_polled(shop: Store, client: Client) -> None:
    response = client.get("/signals/fragments/live/?signal=pre_save")

    assert response.content.decode().count("hx-swap-oob") == 5
    assert client.get("/signals/fragments/secrets/").status_code == 404


def test_live_urls_carry_the_view(settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.urls_elsewhere"

    urls = live_urls(View("receiver", (("name", MARKUP),)))

    assert urls["ws_url"].startswith("/internal/dispatches/ws/?page=receiver&name=%3Cscript%3E")
    assert urls["poll_url"].startswith("/internal/dispatches/fragments/receiver/?name=%3Cscript%3E")


@pytest.mark.parametrize("page", PAGES)
def test_twin_answers(shop: Store, client: Client, page: str) -> None:
    assert "error" not in get_json(client, page)


@pytest.mark.parametrize(
    ("page", "query", "field"),
    [
        ("live", {"min_ms": "abc"}, "min_ms"),
        ("live", {"min_ms": "9300000000000"}, "min_ms"),
        ("requests", {"min_ms": "9300000000000"}, "min_ms"),
        ("live", {"before": "yesterday"}, "before"),
        ("requests", {"before": "1e300"}, "before"),
        ("live", {"outcome": "odd"}, "outcome"),
        ("overview", {"period": "zzz"}, "period"),
        ("receivers", {"sort": "zzz"}, "sort"),
        ("health", {"colour": "red"}, "colour"),
    ],
)
def test_bad_parameter_is_refused(shop: Store, client: Client, page: str, query: dict[str, str], field: str) -> None:
    error = get_json(client, page, 400, **query)["error"]

    assert error["message"] == "Invalid parameters."
    assert list(error["fields"]) == [field]


@pytest.mark.parametrize("page", ARGUMENTS)
def test_what_is_not_stored_is_a_404(quiet_store: Store, client: Client, page: str) -> None:
    assert "does not contain" in get_json(client, page, 404)["error"]["message"]


@pytest.mark.parametrize("url", ["/signals/", "/signals/fragments/overview/", "/signals/api/overview/"])
def test_store_that_cannot_be_read_is_told_of(client: Client, settings: Settings, tmp_path: Path, url: str) -> None:
    settings.SIGNAL_MONITOR = {
        "STORE": f"sqlite:///{tmp_path}",
        "ENABLED": False,
        "ACCESS": "tests.dashboard.examples.everybody",
    }

    response = client.get(url)

    assert response.status_code == 503
    assert str(tmp_path) in response.content.decode()


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_pages_only_read(quiet_store: Store, client: Client, method: str) -> None:
    assert getattr(client, method)("/signals/").status_code == 405


@pytest.mark.parametrize("view", [views.show, views.show_parts])
def test_anonymous_clients_get_no_page(settings: Settings, view: object) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "ENABLED": False}
    request = RequestFactory().get("/signals/", REMOTE_ADDR="203.0.113.7", headers={"Accept": "text/html"})
    request.user = AnonymousUser()

    response = view(request, page="overview")  # type: ignore[operator]

    assert response.status_code == 302


@pytest.mark.parametrize("name", ["a\nb", "", "a//b?c#d", "<locals>.f", "ünï", "50 %", "x" * 3000])
def test_any_name_can_be_shown(quiet_store: Store, client: Client, name: str) -> None:
    quiet_store.write(Batch(process(), dispatches=[dispatch(signal=name, sender=name)], totals=totals(name, 5)))

    assert client.get(url_of("live")).status_code == 200
    assert client.get(url_of("receivers")).status_code == 200


@pytest.fixture
def unobserved() -> Iterator[None]:
    """Signals as Django has them."""
    was_instrumented = is_instrumented()
    uninstrument()
    yield
    if was_instrumented:
        instrument()


@pytest.mark.usefixtures("unobserved")
@pytest.mark.parametrize("page", [page for page in PAGES if page not in ARGUMENTS])
def test_page_of_a_process_that_does_not_observe_says_so(quiet_store: Store, client: Client, page: str) -> None:
    assert BANNER in client.get(f"/signals/{PAGES[page].route}").content.decode()


def test_page_of_a_process_that_observes_has_no_banner(shop: Store, client: Client) -> None:
    instrument()

    assert BANNER not in client.get("/signals/").content.decode()


def test_page_without_django_htmx_says_what_to_add(shop: Store, client: Client, settings: Settings) -> None:
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != "django_htmx"]

    response = client.get("/signals/")

    assert response.status_code == 503
    assert 'add "django_htmx" to INSTALLED_APPS' in response.content.decode()


MANIFEST = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"STORAGES": {"staticfiles": {"BACKEND": MANIFEST}}, "DEBUG": False}, "manage.py collectstatic"),
        ({"STATIC_URL": None}, "STATIC_URL"),
    ],
)
def test_page_without_its_static_files_says_what_to_do(
    shop: Store, client: Client, settings: Settings, tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    settings.STATIC_ROOT = tmp_path
    for name, value in changed.items():
        setattr(settings, name, value)

    for url in ("/signals/", "/signals/requests/unknown/"):
        response = client.get(url)
        assert response.status_code == 503
        assert told in response.content.decode()
    assert client.get("/signals/api/overview/").status_code == 200


@pytest.mark.parametrize("url", ["/signals/api/overview/", "/signals/fragments/overview/"])
def test_refusal_is_logged_without_a_traceback(
    client: Client, settings: Settings, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "ENABLED": False}

    with caplog.at_level(logging.INFO):
        response = client.get(url, REMOTE_ADDR="203.0.113.7")

    assert response.status_code == 403
    assert [record.exc_info for record in caplog.records if record.name == "django.request"] == [None]


def test_api_lists_what_there_is(shop: Store, client: Client) -> None:
    found = {row["page"]: row for row in client.get("/signals/api/").json()["pages"]}

    assert found.keys() == PAGES.keys()
    assert found["overview"] == {
        "page": "overview",
        "address": "/signals/api/overview/",
        "parameters": ["period", "process"],
    }
    assert found["receiver"]["address"] == "/signals/api/receivers/<name>/"
    for name in WITHOUT_ARGUMENTS:
        assert client.get(found[name]["address"]).status_code == 200
