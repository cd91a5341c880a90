"""Which views, paths and sockets are the dashboard's, by the URLconf."""

from __future__ import annotations

import pytest
from django.test import override_settings
from django.urls import resolve
from django.utils import translation
from pytest_django.fixtures import Settings

from signal_monitor.mounts import includes_pages, is_own_path, is_own_socket, is_own_view

EVERYWHERE = "tests.mounts.urls_everywhere"
AT_ROOT = "tests.mounts.urls_at_root"


@pytest.mark.parametrize(
    ("urlconf", "expected"), [(EVERYWHERE, True), (AT_ROOT, True), ("tests.urls", True), ("tests.mounts.urls", False)]
)
def test_pages_are_found_in_a_urlconf(urlconf: str, *, expected: bool) -> None:
    assert includes_pages(urlconf) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", True),
        ("/live/", True),
        ("/signals/shop.signals.placed/", True),
        ("/api/live/", True),
        ("/live", False),
        ("/live/more/", False),
        ("/orders/", False),
        ("/ws/", False),
    ],
)
def test_path_at_the_root_is_that_of_a_page(path: str, *, expected: bool) -> None:
    assert is_own_path(path, AT_ROOT) is expected


@pytest.mark.parametrize("path", ["/deep/er/signals/ws/", "/observe/ws/", "/acme/of/3/ws/", "/de/signals/ws/"])
def test_socket_is_found_at_each_place(settings: Settings, path: str) -> None:
    settings.ROOT_URLCONF = EVERYWHERE
    assert is_own_socket(path)
    assert not is_own_socket(f"{path}more/")
    assert not is_own_socket(f"/else{path}")


def test_socket_is_at_the_default_place_where_another_process_serves_the_pages(settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.mounts.urls"
    assert is_own_socket("/signals/ws/")
    assert not is_own_socket("/ws/")


@pytest.mark.parametrize(
    ("path", "expected"), [("/send/", False), ("/watch/live/", True), ("/7/unnamed/api/live/", True)]
)
@override_settings(ROOT_URLCONF=EVERYWHERE)
def test_resolved_view_says_whose_request_it_is(path: str, *, expected: bool) -> None:
    assert is_own_view(resolve(path)) is expected


def test_looking_leaves_the_language_alone() -> None:
    translation.deactivate()
    assert is_own_path("/de/signals/", EVERYWHERE)
    with override_settings(LANGUAGE_CODE="de"):
        assert translation.get_language() == "de"
