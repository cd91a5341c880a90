"""The list of requests."""

from __future__ import annotations

import time
from dataclasses import replace

from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor.checks import MIDDLEWARE
from signal_monitor.records import Request, SubjectKind
from signal_monitor.stores.base import WINDOW_SECONDS, Batch, Store, Totals
from tests.dashboard.examples import MS, process

KINDS: tuple[tuple[SubjectKind, str], ...] = (("task", "shop.tasks.send"), ("command", "loaddata"))


def window_now() -> int:
    """The window in which totals are counted now."""
    return int(time.time()) // WINDOW_SECONDS * WINDOW_SECONDS


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


def test_runs_of_tasks_and_commands_have_tables_of_their_own(quiet_store: Store, client: Client) -> None:
    rows = [
        Totals(kind, name, count=3, failures=1, total_ns=900 * MS, receivers_ns=300 * MS, max_ns=400 * MS)
        for kind, name in KINDS
    ]
    quiet_store.write(Batch(process(), totals=[*rows, *(replace(row, window=window_now()) for row in rows)]))

    found = client.get("/signals/api/requests/").json()
    assert [found[f"{kind}s"][0][kind] for kind, _name in KINDS] == [name for _kind, name in KINDS]
    text = client.get("/signals/requests/").content.decode()
    assert text.index("<h2>By task</h2>") < text.index("<h2>By command</h2>")
    assert "Runs by command" in text
