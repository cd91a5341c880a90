"""Which views, paths and sockets are the dashboard's, by the URLconf."""

from __future__ import annotations

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import URLPattern, include, path, re_path, resolve
from django.utils import translation
from pytest_django.fixtures import Settings

from signal_monitor.checks import check_urls
from signal_monitor.mounts import includes_pages, is_own_path, is_own_socket, is_own_view

EVERYWHERE = "tests.mounts.urls_everywhere"
AT_ROOT = "tests.mounts.urls_at_root"


@pytest.mark.parametrize(
    ("urlconf", "expected"), [(EVERYWHERE, True), (AT_ROOT, True), ("tests.urls", True), ("tests.mounts.urls", False)]
)
def test_pages_are_found_in_a_urlconf(urlconf: str, *, expected: bool) -> None:
    assert includes_pages(urlconf) is expected


def page(request: HttpRequest, **_kwargs: object) -> HttpResponse:
    """A page of the project's, which answers to whatever path it is given."""
    return HttpResponse(request.path)


PAGES = include("signal_monitor.urls")
PLACE = path("signals/", PAGES)
ANSWERED = "/signals/ is answered by tests.test_mounts.page"


@pytest.mark.parametrize(
    ("patterns", "hidden"),
    [
        ([path("<path:path>", page), PLACE], ANSWERED),
        ([re_path(r"^(?:.*)/?$", page), PLACE], ANSWERED),
        ([path("<slug:slug>/", page), PLACE], ANSWERED),
        ([path("signals/", page), PLACE], ANSWERED),
        ([path("", include([path("<path:path>", page)])), path("", include([PLACE]))], ANSWERED),
        ([path("signals/requests/", page), PLACE], "/signals/requests/ is answered by tests.test_mounts.page"),
        (i18n_patterns(path("<path:path>", page), PLACE), "/en/signals/ is answered by tests.test_mounts.page"),
        ([PLACE, path("<path:path>", page)], ""),
        ([path("<int:number>/", page), PLACE], ""),
        ([path("", page), path("", PAGES)], "/ is answered by tests.test_mounts.page"),
        ([path("about/", page), path("", PAGES)], ""),
        ([path("<slug:tenant>/signals/", PAGES)], ""),
        (i18n_patterns(PLACE, path("<path:path>", page)), ""),
    ],
)
def test_a_view_that_hides_the_pages_is_told(settings: Settings, patterns: list[URLPattern], hidden: str) -> None:
    settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": patterns})
    told = [str(message.msg) for message in check_urls()]
    expected = f"The monitor's pages are hidden: {hidden}, whose pattern comes before theirs."
    assert told == ([expected] if hidden else [])


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
