"""The pages are whole wherever a project includes them, and record the requests of the site only."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.dashboard.websocket import Refused
from tests.mounts.visitor import Visitor, assert_records_the_site_only, assert_whole
from tests.support.matrix import with_more
from tests.support.proxy import running_proxy
from tests.support.servers import Site, running_site, unavailable

pytestmark = pytest.mark.slow
Serve = Callable[..., Site]


@pytest.fixture(scope="module")
def serve(prepared_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start sites that live until the tests of this module end, one for each set of arguments."""
    sites: dict[str, Site] = {}
    with ExitStack() as stack:

        def start(urlconf: str, *, application: str = "tests.mounts.asgi:application", **options: Any) -> Site:
            key = repr((urlconf, application, options))
            if key not in sites:
                if find_spec(str(options.get("server", "daphne"))) is None:
                    unavailable(f"{options['server']} is not installed")
                directory = tmp_path_factory.mktemp("site")
                shutil.copy(prepared_database, directory)
                more = options.pop("env", {})
                env = {
                    "DJANGO_SETTINGS_MODULE": "tests.mounts.settings",
                    "MOUNTS_URLCONF": f"tests.mounts.{urlconf}",
                    **more,
                }
                sites[key] = stack.enter_context(running_site(directory, application, env=env, **options))
            return sites[key]

        yield start


def test_pages_at_the_root(serve: Serve) -> None:
    """The pages of the site come first in the URLconf."""
    visitor = Visitor(serve("urls_at_root").url)
    assert visitor.get("/send/").status == 200

    assert_whole(visitor, "/")
    assert_records_the_site_only(visitor, "/", "/send/")


PLACES = [
    f"/intern/{quote('überwachung')}/",
    "/acme/of/12/",
    "/de/Suchen/",
]
OTHER_PLACES = [
    "/deep/er/signals/",
    "/watch/",
    "/observe/",
    "/7/unnamed/",
    "/en/signals/",
    "/de/signals/",
    "/en/Search/",
]


@pytest.mark.parametrize(
    "base", [*PLACES[:3], *(pytest.param(base, marks=pytest.mark.matrix) for base in OTHER_PLACES)]
)
def test_pages_in_many_places_of_one_urlconf(serve: Serve, base: str) -> None:
    visitor = Visitor(serve("urls_everywhere").url)
    assert visitor.get("/send/").status == 200

    assert_whole(visitor, base)
    assert_records_the_site_only(visitor, base, "/send/")


def test_pages_on_the_host_that_a_middleware_gives_them_to(serve: Serve) -> None:
    site = serve("urls")
    public, admin = Visitor(site.url), Visitor(site.url, host="admin.localhost")
    assert public.get("/send/").status == 200

    assert_whole(admin, "/internal/monitor/")
    assert_records_the_site_only(admin, "/internal/monitor/", "/send/")


def test_socket_of_another_process_is_found_by_the_key_in_its_address(serve: Serve) -> None:
    """This process has served no page of the URLconf that a middleware gives, nor one in German."""
    site, other = serve("urls"), serve("urls", env={"OTHER": "process"})
    address = Visitor(site.url, host="admin.localhost").get("/internal/monitor/live/").attribute("ws-connect")
    visitor = Visitor(other.url, host="admin.localhost")

    assert visitor.first_frame(address)
    forged = address.partition("key=")[0] + "key=ws/:forged"
    assert "<" not in visitor.first_frame(forged)  # the project's own websocket


def test_other_sockets_are_the_projects(serve: Serve) -> None:
    visitor = Visitor(serve("urls_at_root").url)

    assert visitor.first_frame("/chat/ws/?page=overview") == "/chat/ws/"
    assert visitor.first_frame("/ws/") == "/ws/"


@pytest.mark.parametrize(
    "place",
    with_more(["signals/of/the/shop/"], [""]),
    ids=["below", "at the root"],
)
@pytest.mark.parametrize(
    ("server", "strips"),
    [("daphne", True), ("daphne", False), ("hypercorn", True), ("hypercorn", False), ("uvicorn", True)],
)
def test_pages_below_a_root_path(serve: Serve, server: str, place: str, *, strips: bool) -> None:
    """Uvicorn puts the prefix back itself: behind a proxy that keeps it, the site has no pages at all."""
    site = serve("urls_twice", server=server, options=["--root-path", "/app"])
    with running_proxy(site.url, "/app", strips=strips) as origin:
        visitor = Visitor(origin)
        assert visitor.get("/app/send/").status == 200

        assert_whole(visitor, f"/app/{place}")
        assert_records_the_site_only(visitor, f"/app/{place}", "/send/")


@pytest.mark.parametrize("strips", [True, False], ids=["stripped", "kept"])
def test_pages_below_force_script_name(serve: Serve, *, strips: bool) -> None:
    site = serve("urls_twice", env={"MOUNTS_FORCE_SCRIPT_NAME": "/app"})
    with running_proxy(site.url, "/app", strips=strips) as origin:
        visitor = Visitor(origin)
        assert visitor.get("/app/send/").status == 200

        assert_whole(visitor, "/app/")


@pytest.mark.parametrize("setting", ["SCRIPT_NAME", "MOUNTS_FORCE_SCRIPT_NAME"])
def test_pages_under_wsgi_below_a_prefix(serve: Serve, setting: str) -> None:
    site = serve("urls_twice", application="tests.mounts.wsgi:application", server="gunicorn", env={setting: "/app"})
    with running_proxy(site.url, "/app", strips=setting != "SCRIPT_NAME") as origin:
        visitor = Visitor(origin)
        assert visitor.get("/app/send/").status == 200

        assert_whole(visitor, "/app/", live=False)
        assert_whole(visitor, "/app/signals/of/the/shop/", live=False)
        assert_records_the_site_only(visitor, "/app/", "/send/")


def test_page_that_a_middleware_answers_is_not_recorded(serve: Serve) -> None:
    """Polling goes on while the site is down."""
    visitor = Visitor(serve("urls_everywhere").url)
    for base in PLACES + OTHER_PLACES[:5]:
        assert visitor.get(f"{base}fragments/live/", X_Maintenance="yes").status == 503
    assert visitor.get("/send/").status == 200

    assert_records_the_site_only(visitor, "/deep/er/signals/", "/send/")


def test_anonymous_clients_get_no_socket_with_a_key(serve: Serve) -> None:
    site, closed = serve("urls"), serve("urls", debug=False)
    address = Visitor(site.url, host="admin.localhost").get("/internal/monitor/live/").attribute("ws-connect")
    with pytest.raises(Refused, match="403"):
        Visitor(closed.url, host="admin.localhost").first_frame(address)
