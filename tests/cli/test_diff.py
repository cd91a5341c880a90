from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from signal_monitor.cli.diff import differences
from tests.cli.manage import Manage


def connection(receiver: str, **fields: Any) -> dict[str, Any]:
    """A connection as ``list --format json`` prints it."""
    return {"receiver": receiver, "sender": None, "dispatch_uid": None, "weak": True, **fields}


def compared(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The kind of each difference, and its receiver."""
    found = differences([{"signal": "s", "connections": before}], [{"signal": "s", "connections": now}])
    return [(each.kind, each.key.receiver) for each in found]


def test_finds_what_a_change_connects_and_disconnects(manage: Manage, tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    listed = manage("signals", "list", "--format", "json").stdout
    before.write_text(listed, encoding="utf-8")
    assert manage("signals", "diff", str(before)).stdout == "Nothing differs.\n"
    before.write_text(listed.replace("send_mail", "send_letter"), encoding="utf-8")
    text = manage("signals", "diff", str(before), code=1).stdout
    assert "  - shop.receivers.send_letter for shop.models.Order" in text
    assert "  + shop.receivers.send_mail for shop.models.Order" in text
    data = manage("signals", "diff", str(before), "--format", "json", code=1).data
    assert {row["kind"] for row in data["differences"]} == {"connected", "disconnected"}


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"signals": [{"signal": "s", "connections": [{}]}]}', "null"])
def test_refuses_another_file(manage: Manage, tmp_path: Path, text: str) -> None:
    if text != "{":  # the others are tried without a process
        from signal_monitor.cli.diff import read_before

        (tmp_path / "other.json").write_text(text, encoding="utf-8")
        with pytest.raises(Exception, match="is not a list of signals"):
            read_before(str(tmp_path / "other.json"))
        return
    (tmp_path / "other.json").write_text(text, encoding="utf-8")
    result = manage("signals", "diff", str(tmp_path / "other.json"), code=2)
    assert "signals list --format json" in result.stderr


def test_finds_a_receiver_that_is_called_at_another_place() -> None:
    one, two, three = connection("one"), connection("two"), connection("three")
    assert compared([one, two, three], [one, two, three]) == []
    assert compared([one, two, three], [three, one, two]) == [("moved", "three")]
    assert compared([one, two], [two]) == [("disconnected", "one")]
    assert compared([one], [one, one]) == [("connected", "one")]


def test_finds_a_receiver_that_is_connected_otherwise() -> None:
    assert compared([connection("one")], [connection("one", weak=False)]) == [("changed", "one")]
    assert compared([connection("one")], [connection("one", is_async=True)]) == [("changed", "one")]
    assert compared([connection("one")], [connection("one", line=9, path="moved.py")]) == []
    other_sender = compared([connection("one")], [connection("one", sender="shop.models.Order")])
    assert other_sender == [("disconnected", "one"), ("connected", "one")]


def test_finds_signals_that_are_new_or_gone() -> None:
    signals = json.loads(json.dumps([{"signal": "s", "connections": [connection("one")]}]))
    assert [each.kind for each in differences(signals, [])] == ["disconnected"]
    assert [each.kind for each in differences([], signals)] == ["connected"]
