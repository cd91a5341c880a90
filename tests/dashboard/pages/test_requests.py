"""The list of requests."""

from __future__ import annotations

import time

from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor.checks import MIDDLEWARE
from signal_monitor.records import Request
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.examples import MS, process


def test_requests_say_that_the_middleware_is_missing(shop: Store, client: Client, settings: Settings) -> None:
    missing = f"<code>{MIDDLEWARE}</code> is not in MIDDLEWARE"
    assert missing not in client.get("/signals/requests/").content.decode()

    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != MIDDLEWARE]

    assert missing in client.get("/signals/requests/").content.decode()


def test_route_in_place_of_a_path_is_shown_as_it_is_written(quiet_store: Store, client: Client) -> None:
    route = "/accounts/reset/<uidb64>/<token>/"
    quiet_store.write(Batch(process(), requests=[Request("r1", "GET", route, time.time(), MS, 200, "reset")]))

    for url in ("/signals/requests/", "/signals/requests/r1/"):
        assert "/accounts/reset/&lt;uidb64&gt;/&lt;token&gt;/" in client.get(url).content.decode()
