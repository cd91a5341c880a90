"""The base of the pages' addresses, from what a server says of a request or a websocket."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from signal_monitor.dashboard.addresses import (
    KEY,
    base_of_socket,
    based_at,
    browser_path,
    is_own_key,
    page_url,
    path_info_of,
    socket_url,
)


@pytest.mark.parametrize(
    ("path", "root_path", "base"),
    [
        ("/signals/ws/", "", "/signals/"),
        ("/ws/", "", "/"),
        ("/app/signals/ws/", "/app", "/app/signals/"),
        ("/signals/ws/", "/app", "/app/signals/"),
        ("/application/ws/", "/app", "/app/application/"),
        ("/app/ws/", "/app/", "/app/"),
        ("/überwachung/ws/", "", "/%C3%BCberwachung/"),
        ("//elsewhere.example/ws/", "", "/%2Felsewhere.example/"),
        ("/elsewhere/", "", "/signals/"),
    ],
)
def test_base_of_a_socket(path: str, root_path: str, base: str) -> None:
    assert base_of_socket({"path": path, "root_path": root_path}) == base


def test_path_begins_with_a_prefix_at_a_slash_only() -> None:
    assert path_info_of({"path": "/apple/", "root_path": "/app"}) == "/apple/"


def test_path_of_the_browser_has_the_prefix_and_one_leading_slash() -> None:
    request = RequestFactory().get("/signals/ü/", SCRIPT_NAME="/app")
    assert browser_path(request) == "/app/signals/%C3%BC/"
    request = RequestFactory().get("/")
    request.path_info = "//elsewhere.example/"
    assert browser_path(request) == "/%2Felsewhere.example/"


def test_address_of_a_page_begins_with_the_base() -> None:
    with based_at("/app/monitor/"):
        assert page_url("signal", "shop.signals.placed") == "/app/monitor/signals/shop.signals.placed/"
        assert page_url("overview") == "/app/monitor/"
    assert page_url("live") == "/signals/live/"


def test_socket_has_a_key_only_where_the_urls_do_not_say_whose_it_is() -> None:
    assert socket_url("/signals/", [("page", "live")]) == "/signals/ws/?page=live"
    assert f"&{KEY}=" in socket_url("/of/a/tenant/", [("page", "live")])


@pytest.mark.parametrize("key", ["", "ws/", "ws/:forged", ":", "\0"])
def test_key_that_no_page_has_made_is_refused(key: str) -> None:
    assert not is_own_key(key)
