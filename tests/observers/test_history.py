"""Which dispatches are stored one by one."""

from __future__ import annotations

import pytest

from signal_monitor.observers import history
from signal_monitor.observers.history import History
from signal_monitor.process import ThisProcess
from signal_monitor.records import Amendment, Dispatch, Failure, ReceiverCall, Severity
from signal_monitor.stores.base import Batch


def dispatch(number: int, root: int | None = None, severity: Severity = "normal", *calls: ReceiverCall) -> Dispatch:
    root = number if root is None else root
    return Dispatch(
        id=f"p-{number}",
        root_id=f"p-{root}",
        signal="shop.paid",
        sender="None",
        method="send",
        started_at=float(number),
        duration_ns=1,
        depth=0 if root == number else 1,
        severity=severity,
        calls=calls,
    )


def chosen(observer: History) -> list[str]:
    batch = Batch(process=ThisProcess().describe(()))
    observer.fill(batch)
    return [record.id for record in batch.dispatches]


def test_sample_of_the_ordinary_and_all_of_the_slow_and_failed() -> None:
    observer = History(sample_per_second=3)
    failed = ReceiverCall("shop.mail", 0, outcome="swallowed", failure=Failure("ValueError"))
    for number in range(10):
        observer.observe(dispatch(number), None)
    observer.observe(dispatch(20, None, "slow"), None)
    observer.observe(dispatch(21, None, "normal", failed), None)

    assert chosen(observer) == ["p-0", "p-1", "p-2", "p-20", "p-21"]


def test_no_sample_at_all() -> None:
    observer = History(sample_per_second=0)
    observer.observe(dispatch(1), None)
    observer.observe(dispatch(2, None, "critical"), None)

    assert chosen(observer) == ["p-2"]


def test_nested_dispatches_wait_for_their_outermost_one() -> None:
    observer = History(sample_per_second=0)
    observer.observe(dispatch(2, 1), None)
    assert chosen(observer) == []

    observer.observe(dispatch(1, 1, "slow"), None)

    assert chosen(observer) == ["p-2", "p-1"]


def test_nested_dispatches_do_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their outermost one may hang, and they must show while it does."""
    monkeypatch.setattr(history, "MAX_PENDING_SECONDS", 0.0)
    observer = History(sample_per_second=10)
    observer.observe(dispatch(2, 1), None)

    assert chosen(observer) == ["p-2"]


def test_huge_tree_keeps_what_is_notable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_TREE", 2)
    observer = History(sample_per_second=0)
    for number in range(2, 8):
        observer.observe(dispatch(number, 1, "slow" if number == 7 else "normal"), None)
    observer.observe(dispatch(1, 1, "slow"), None)

    assert chosen(observer) == ["p-2", "p-3", "p-7", "p-1"]


def test_amendment_waits_for_its_dispatch() -> None:
    observer, call = History(sample_per_second=10), ReceiverCall("shop.mail", 0, outcome="late")
    observer.observe(dispatch(2, 1, "normal", call), None)
    observer.amend(Amendment("p-2", 0, 5, "late"), call)

    batch = Batch(process=ThisProcess().describe(()))
    observer.fill(batch)
    assert (batch.dispatches, batch.amendments) == ([], [])

    observer.flush()
    observer.fill(batch)
    assert ([item.id for item in batch.dispatches], len(batch.amendments)) == (["p-2"], 1)


def test_left_out_dispatches_do_not_count_as_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_TREE", 2)
    monkeypatch.setattr(history, "MAX_PENDING", 5)
    observer = History(sample_per_second=10)
    for number in range(3, 50):
        observer.observe(dispatch(number, 1), None)
    observer.observe(dispatch(100, 2, "slow"), None)

    assert chosen(observer) == []  # both trees still wait
