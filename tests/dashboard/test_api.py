"""JSON twins: the same as the pages, with units in the keys."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from signal_monitor.dashboard.api import TWINS
from signal_monitor.dashboard.pages import PAGES
from signal_monitor.stores.base import Store
from tests.dashboard.examples import ERROR_MARKUP, ORDER_PLACED, RESERVE_STOCK, SEND_MAIL

PATHS = {
    "signal": {"name": ORDER_PLACED},
    "receiver": {"name": RESERVE_STOCK},
    "dispatch": {"dispatch_id": "failed"},
    "request": {"request_id": "r1"},
}


def get(client: Client, page: str, expected: int = 200, **query: str) -> dict[str, Any]:
    response = client.get(reverse(f"signal_monitor:api_{page}", kwargs=PATHS.get(page)), query)
    assert response.status_code == expected
    assert response["Content-Type"] == "application/json"
    answer: dict[str, Any] = response.json()
    return answer


def test_every_page_has_a_twin() -> None:
    assert TWINS.keys() == PAGES.keys()


@pytest.mark.parametrize("page", PAGES)
def test_twin_answers(shop: Store, client: Client, page: str) -> None:
    assert "error" not in get(client, page)


def test_overview_has_the_cards(shop: Store, client: Client) -> None:
    overview = get(client, "overview")

    assert overview["slow_from_ms"] == 100
    assert overview["slowest"][0]["name"] == SEND_MAIL
    assert overview["slowest"][0]["max_ms"] == 450
    assert overview["failing"][0]["last_failure_dispatch"] == "failed"
    assert overview["running"][0]["process_gone"] is False
    assert overview["running"][0]["running_ms"] >= 30_000
    assert overview["dropped"] == {"queue full": 7}


def test_live_takes_the_same_filters(shop: Store, client: Client) -> None:
    found = get(client, "live", outcome="failed", min_ms="100")["dispatches"]

    assert [dispatch["id"] for dispatch in found] == ["failed"]
    assert [call["outcome"] for call in found[0]["calls"]] == ["ok", "raised", "not_run"]


def test_dispatch_has_its_tree_and_failure(shop: Store, client: Client) -> None:
    dispatch = get(client, "dispatch")

    assert dispatch["duration_ms"] == 200
    assert [nested["id"] for nested in dispatch["tree"]] == ["failed", "inner"]
    assert dispatch["calls"][1]["failure"]["message"] == ERROR_MARKUP


def test_receiver_has_its_numbers_and_last_failures(shop: Store, client: Client) -> None:
    receiver = get(client, "receiver")

    assert (receiver["count"], receiver["failures"], receiver["signals"]) == (1, 1, [ORDER_PLACED])
    assert [dispatch["id"] for dispatch in receiver["last_failed"]] == ["failed"]


def test_request_has_its_share(shop: Store, client: Client) -> None:
    request = get(client, "request")

    assert (request["duration_ms"], request["signal_ms"], request["signal_share"]) == (400, 200, 0.5)
    assert [dispatch["id"] for dispatch in request["dispatches"]] == ["failed"]


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
    error = get(client, page, 400, **query)["error"]

    assert error["message"] == "Bad parameters."
    assert list(error["fields"]) == [field]


@pytest.mark.parametrize("page", PATHS)
def test_what_is_not_stored_is_a_404(quiet_store: Store, client: Client, page: str) -> None:
    assert "does not hold" in get(client, page, 404)["error"]["message"]
