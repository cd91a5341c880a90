"""Pages over HTTP: they answer, keep a strict content security policy possible, and say what is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory
from django.urls import get_resolver, reverse
from pytest_django.fixtures import Settings

from signal_monitor.dashboard import views
from signal_monitor.dashboard.urls import ROUTES
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.examples import ORDER_PLACED, RESERVE_STOCK, dispatch, process, totals

PATHS = {
    "signal": {"name": ORDER_PLACED},
    "receiver": {"name": RESERVE_STOCK},
    "dispatch": {"dispatch_id": "failed"},
    "request": {"request_id": "r1"},
}
WITHOUT_ARGUMENTS = [page for page in ROUTES if page not in PATHS]


def url_of(page: str) -> str:
    return reverse(f"signal_monitor:{page}", kwargs=PATHS.get(page))


@pytest.mark.parametrize("page", ROUTES)
def test_page_keeps_a_strict_content_security_policy(shop: Store, client: Client, page: str) -> None:
    response = client.get(url_of(page))
    html = response.content.decode()

    assert response.status_code == 200
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|hx-on|javascript:|js:", html)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)


@pytest.mark.parametrize("page", ROUTES)
def test_every_link_of_a_page_leads_to_a_page(shop: Store, client: Client, page: str) -> None:
    html = client.get(url_of(page)).content.decode()

    paths = {href.partition("?")[0].partition("#")[0] for href in re.findall(r'<a [^>]*href="([^"]*)"', html)}

    assert all(get_resolver().resolve(path.replace("%3C", "<").replace("%3E", ">")) for path in paths if path)


@pytest.mark.parametrize("page", WITHOUT_ARGUMENTS)
def test_page_without_any_record_says_what_to_do(quiet_store: Store, client: Client, page: str) -> None:
    response = client.get(url_of(page))

    assert response.status_code == 200
    assert 'class="empty' in response.content.decode()


@pytest.mark.parametrize("page", PATHS)
def test_page_of_something_not_stored_is_a_friendly_404(quiet_store: Store, client: Client, page: str) -> None:
    response = client.get(url_of(page))

    assert response.status_code == 404
    assert f"This {page} is not in the store" in response.content.decode()


@pytest.mark.parametrize(
    ("page", "query", "message"),
    [
        ("live", "min_ms=abc&signal=save", "Not a number of milliseconds"),
        ("live", "min_ms=9300000000000", "More than a day; at most 86400000 ms."),
        ("requests", "before=never", "“before” is not a time"),
        ("live", "outcome=%3Cb%3E", "“&lt;b&gt;” is not known here"),
        ("overview", "period=zzz", "“zzz” is not known here"),
        ("receivers", "sort=zzz", "“zzz” is not known here"),
        ("requests", "min_ms=-5", "Not a number of milliseconds"),
    ],
)
def test_bad_parameter_is_told_of(shop: Store, client: Client, page: str, query: str, message: str) -> None:
    response = client.get(f"{url_of(page)}?{query}")

    assert response.status_code == 200
    assert message in response.content.decode()


def test_bad_parameter_loses_nothing_that_was_typed(shop: Store, client: Client) -> None:
    html = client.get(f"{url_of('live')}?min_ms=abc&signal=pre_save").content.decode()

    assert 'value="abc"' in html
    assert 'value="pre_save"' in html
    assert html.count('class="when"') == 1


def test_filter_by_htmx_gets_an_address_without_empty_fields(shop: Store, client: Client) -> None:
    response = client.get(f"{url_of('live')}?signal=save&sender=&min_ms=", headers={"HX-Request": "true"})

    assert response["HX-Push-Url"] == f"{url_of('live')}?signal=save"


def test_page_names_its_websocket_and_what_to_poll(shop: Store, client: Client) -> None:
    html = client.get(f"{url_of('live')}?signal=save&outcome=odd").content.decode()

    assert 'ws-connect="/signals/ws/?page=live&amp;signal=save"' in html
    assert 'hx-get="/signals/fragments/live/?signal=save"' in html


def test_fragments_are_polled(shop: Store, client: Client) -> None:
    response = client.get("/signals/fragments/live/?signal=pre_save")

    assert response.content.decode().count("hx-swap-oob") == 2
    assert client.get("/signals/fragments/secrets/").status_code == 404


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


@pytest.mark.parametrize("view", [views.show, views.fragments])
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


def test_slashes_in_a_receivers_name_are_part_of_it(quiet_store: Store, client: Client) -> None:
    quiet_store.write(Batch(process(), totals=totals("a/b.c", 5)))

    assert client.get(reverse("signal_monitor:receiver", kwargs={"name": "a/b.c"})).status_code == 200


def test_numbers_are_not_localized_where_they_are_not_for_reading(
    shop: Store, client: Client, settings: Settings
) -> None:
    settings.LANGUAGE_CODE = "de"
    settings.USE_THOUSAND_SEPARATOR = True

    html = client.get(url_of("receiver")).content.decode()

    assert "receivers.py:1042" in html
    assert not re.search(r' (?:x|y|x1|y1|width|height|viewBox)="[^"]*,', html)


def test_stack_has_an_id_that_stays_so_that_it_stays_open(shop: Store, client: Client) -> None:
    html = client.get("/signals/").content.decode()

    assert 'id="sm-stack-hung-0"' in html
