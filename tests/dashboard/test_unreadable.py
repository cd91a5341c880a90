"""Damaged rows of the store: each hides itself alone, and every page, JSON and socket says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor.dashboard.pages import PAGES, render_parts, view_of
from signal_monitor.stores import Store, forget_store, get_store
from signal_monitor.stores.base import Batch
from tests.dashboard.drawing import get_json, url_of
from tests.dashboard.examples import ARGUMENTS, dispatch, fill, process
from tests.dashboard.websocket import WebSocket
from tests.support.servers import Site, wait_until

LEFT_OUT = "1 record of the store cannot be read"

DISPATCH = "UPDATE payloads SET payload = {} WHERE seq = (SELECT seq FROM dispatches WHERE id = 'ordinary')"
FINDINGS = ["findings", "finding", "overview", "receiver", "signal"]
"""The pages that show findings read what these are found in."""
LISTS = ["live", *FINDINGS]
DAMAGES = {
    "text cut short": (DISPATCH.format("substr(payload, 1, 40)"), LISTS),
    "no text": (DISPATCH.format("x'ff00fe'"), LISTS),
    "invalid UTF-8": (DISPATCH.format("CAST(x'5bff5d' AS TEXT)"), LISTS),
    "a number": (DISPATCH.format("7"), LISTS),
    "deeply nested": (DISPATCH.format("'" + "[" * 5000 + "'"), LISTS),
    "unknown field": (DISPATCH.format("replace(payload, '[\"ordinary\"', '[1,\"ordinary\"')"), LISTS),
    "unknown outcome": (DISPATCH.format("replace(payload, '\"ok\"', '\"exploded\"')"), LISTS),
    "infinite time": (DISPATCH.format("replace(payload, '\"send\",', '\"send\",1e999,')"), LISTS),
    "other types": (DISPATCH.format("replace(payload, '\"send\"', '[]')"), LISTS),
    "a request": (
        "UPDATE requests SET payload = replace(payload, '\"POST\"', '{}')",
        ["requests", "request", *FINDINGS],
    ),
    "a process": ("UPDATE processes SET payload = '[]' WHERE id = 'other'", list(PAGES)),
    "a histogram": (
        "UPDATE totals SET buckets = 'x' WHERE last_failure IS NOT NULL",
        ["receivers", "signals", *FINDINGS],
    ),
    "a number of totals": (
        "UPDATE totals SET max_ns = 'most' WHERE last_failure IS NOT NULL",
        ["receivers", "signals", *FINDINGS],
    ),
}


@pytest.fixture
def file_store(settings: Settings, tmp_path: Path) -> Iterator[Store]:
    """A file with the records of a small shop, and one more process."""
    settings.SIGNAL_MONITOR = {
        "STORE": f"sqlite:///{tmp_path}/store.sqlite3",
        "ENABLED": False,
        "ACCESS": "tests.dashboard.examples.everybody",
    }
    forget_store()
    fill(get_store())
    get_store().write(Batch(process(id="other"), dispatches=[dispatch("another")]))
    yield get_store()
    forget_store()


def damage(path: str | Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        assert file.execute(statement).rowcount >= 1


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_row_hides_itself_alone(file_store: Store, client: Client, what: str) -> None:
    statement, pages = DAMAGES[what]
    damage(file_store.location, statement)

    shown, told, drawn = set(), set(), set()
    for page in PAGES:
        response = client.get(url_of(page))
        html = response.content.decode()
        expected = 404 if page == "request" and page in pages and what != "a process" else 200
        assert (page, response.status_code) == (page, expected)
        if expected == 404:
            assert "cannot be read" in html
            assert "damaged" in get_json(client, page, 404)["error"]["message"]
            shown.add(page)
            told.add(page)
        else:
            shown |= {page} if LEFT_OUT in html else set()
            told |= {page} if get_json(client, page)["unreadable_records"] == 1 else set()
        drawn |= {page} if LEFT_OUT in render_parts(view_of(page, ARGUMENTS.get(page, {}))) else set()
    assert (shown, told, drawn) == (set(pages), set(pages), set(pages))
    if pages == LISTS:
        assert {row["id"] for row in get_json(client, "live")["dispatches"]} == {"failed", "inner", "another"}


@pytest.mark.parametrize("column", ["sender", "signal"])
def test_a_damaged_column_stops_no_filter(file_store: Store, client: Client, column: str) -> None:
    statement = "UPDATE dispatches SET {} = CAST(x'ff' AS TEXT) WHERE id = 'ordinary'"
    damage(file_store.location, statement.format(column))

    assert {row["id"] for row in get_json(client, "live", 200, **{column: "shop"})["dispatches"]} >= {"another"}


def test_the_socket_says_so(site: Site) -> None:
    path = site.log_path.parent / "signals" / "store.sqlite3"
    with WebSocket(f"{site.url}/signals/ws/?page=health") as viewer:
        assert LEFT_OUT not in viewer.receive_frame()
    assert wait_until(path.exists)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("INSERT INTO processes VALUES ('broken', 9e9, 0, 'broken')")
    with WebSocket(f"{site.url}/signals/ws/?page=health") as viewer:
        frame = viewer.receive_frame()
    assert LEFT_OUT in frame
    assert 'id="sm-health"' in frame
