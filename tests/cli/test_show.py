from __future__ import annotations

import json
from typing import Any

from tests.cli.manage import Manage


def dispatches_of_paid(manage: Manage) -> list[dict[str, Any]]:
    """The dispatches of ``paid``, those of which the stack was seen last."""
    lines = manage("signals", "tail", "--once", "9", "--failed", "--format", "json").stdout.splitlines()
    return sorted(map(json.loads, lines), key=lambda row: row["calls"][0]["slow_line"] is not None)


def test_shows_a_dispatch_and_its_request_as_timelines(manage: Manage) -> None:
    paid = dispatches_of_paid(manage)[-1]
    text = manage("signals", "show", paid["id"]).stdout
    assert text.startswith("shop.signals.paid  send_robust()  from shop.models.Order\n")
    assert "slow: seen in render_receipt at shop/receivers.py:" in text
    assert "  KeyError: ledger" in text
    request = manage("signals", "show", paid["origin_id"])
    assert request.stdout.startswith("GET /view_pay/  200  ")
    assert "shop.receivers.send_mail" in request.stdout
    assert "2 queries (2 alike) in " in request.stdout
    data = manage("signals", "show", paid["origin_id"], "--format", "json").data
    assert {"shop.signals.paid", "django.db.models.signals.post_save"} <= {row["signal"] for row in data["dispatches"]}
    assert manage("signals", "show", paid["id"], "--format", "json").data["calls"][1]["outcome"] == "swallowed"


def test_shows_a_receiver_by_the_end_of_its_name(manage: Manage) -> None:
    text = manage("signals", "show", "post_to_ledger").stdout
    assert text.startswith("shop.receivers.post_to_ledger\n")
    assert "last failed calls" in text
    assert "KeyError: ledger" in text
    assert "error R204  `post_to_ledger` (receivers.py:" in text
    data = manage("signals", "show", "post_to_ledger", "--format", "json").data
    assert data["receivers"][0]["failures"] == 3
    assert [row["signal"] for row in data["connections"]] == ["shop.signals.paid"]
    assert "swallowed" in {finding["name"] for finding in data["findings"]}


def test_names_receivers_that_are_like_an_unknown_one(manage: Manage) -> None:
    assert "shop.receivers.render_receipt" in manage("signals", "show", "rendr_receipt", code=2).stderr
