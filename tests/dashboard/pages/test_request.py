"""The page of a request."""

from __future__ import annotations

from django.test import Client

from signal_monitor.stores.base import Store
from tests.dashboard.drawing import get_json, parts


def test_request_page_says_how_many_of_its_dispatches_are_stored(shop: Store) -> None:
    text = parts("request", request_id="r1").text

    assert "1 of 3 are shown" in text
    assert "50 %" in text


def test_request_has_its_share(shop: Store, client: Client) -> None:
    request = get_json(client, "request")

    assert (request["duration_ms"], request["signal_ms"], request["receivers_share"]) == (400, 200, 0.5)
    assert (request["dispatch_count"], request["dispatches_shown"], request["dispatches_left_out"]) == (3, 1, 2)
    assert [dispatch["id"] for dispatch in request["dispatches"]] == ["failed"]
