"""Totals per receiver, signal and sender."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from signal_monitor.observers import totals
from signal_monitor.observers.totals import OTHER, TotalsObserver
from signal_monitor.pipeline.process import ThisProcess
from signal_monitor.records import Amendment, Dispatch, Failure, ReceiverCall, SubjectKind
from signal_monitor.stores.base import LIFE, WINDOW_SECONDS, Batch, Totals

NOW = time.time()


def dispatch(*calls: ReceiverCall, sender: str = "shop.Order", at: float = NOW) -> Dispatch:
    return Dispatch(
        id="p-1",
        root_id="p-1",
        signal="shop.paid",
        sender=sender,
        method="send",
        started_at=at,
        duration_ns=5_000_000,
        calls=calls,
    )


def call(receiver: str = "shop.mail", **fields: object) -> ReceiverCall:
    return ReceiverCall(receiver=receiver, index=0, **{"duration_ns": 2_000_000, **fields})  # type: ignore[arg-type]


def totals_of(observer: TotalsObserver, kind: SubjectKind) -> dict[tuple[str, int], Totals]:
    batch = Batch(process=ThisProcess().describe(()))
    observer.fill(batch)
    return {(row.key, row.window): row for row in batch.totals if row.kind == kind}


def test_counts_over_life_and_minute() -> None:
    observer = TotalsObserver()
    for duration_ns in (1_000_000, 3_000_000):
        observer.observe(dispatch(call(duration_ns=duration_ns)), None)

    window = int(NOW) // WINDOW_SECONDS * WINDOW_SECONDS
    rows = totals_of(observer, "receiver")
    assert set(rows) == {("shop.mail", LIFE), ("shop.mail", window)}
    life = rows["shop.mail", LIFE]
    assert (life.count, life.total_ns, life.max_ns, life.blocking) == (2, 4_000_000, 3_000_000, 2)
    assert life.p50_ns == pytest.approx(1_000_000, rel=0.05)
    assert life.p99_ns == pytest.approx(3_000_000, rel=0.05)
    assert totals_of(observer, "signal") == {}  # nothing changed since


def test_last_minute_stands_apart_from_the_one_before() -> None:
    observer = TotalsObserver()
    observer.observe(dispatch(call(), at=NOW - WINDOW_SECONDS), None)
    observer.observe(dispatch(call(), at=NOW), None)

    rows = totals_of(observer, "signal")
    assert sorted(row.count for row in rows.values()) == [1, 1, 2]


def test_failures_keep_the_last_error_and_where_it_was() -> None:
    failure = Failure("shop.Refused", "no money")
    observer = TotalsObserver()
    observer.observe(dispatch(call(outcome="swallowed", failure=failure), call("shop.log")), None)

    receivers, signals = totals_of(observer, "receiver"), None
    assert receivers["shop.mail", LIFE].failures == 1
    assert receivers["shop.mail", LIFE].last_failure == "Refused: no money"
    assert receivers["shop.mail", LIFE].last_failure_dispatch == "p-1"
    assert receivers["shop.log", LIFE].failures == 0
    assert signals is None


def test_signal_fails_once_however_many_receivers_do() -> None:
    failing = call(outcome="swallowed", failure=Failure("ValueError"))
    observer = TotalsObserver()
    observer.observe(dispatch(failing, failing), None)

    assert totals_of(observer, "signal")["shop.paid", LIFE].failures == 1


def test_receiver_that_was_not_run_has_no_duration() -> None:
    observer = TotalsObserver()
    observer.observe(dispatch(call(outcome="not_run", duration_ns=0)), None)

    life = totals_of(observer, "receiver")["shop.mail", LIFE]
    assert (life.count, life.not_run, life.buckets) == (0, 1, {})


def test_late_receiver_is_counted_when_it_ends() -> None:
    observer, late = TotalsObserver(), call(outcome="late", is_async=True, duration_ns=9_000_000)
    observer.observe(dispatch(late), None)
    assert ("shop.mail", LIFE) not in totals_of(observer, "receiver")

    observer.amend(Amendment("p-1", 0, 9_000_000, "late"), late)

    life = totals_of(observer, "receiver")["shop.mail", LIFE]
    assert (life.count, life.total_ns, life.blocking) == (1, 9_000_000, 0)


def test_dispatch_that_a_late_receiver_makes_slow_or_failed_is_counted_so() -> None:
    observer, late = TotalsObserver(), call(outcome="late", is_async=True, duration_ns=9_000_000)
    observer.observe(dispatch(late), None)
    failure = Failure("KeyError")
    told = Amendment(
        "p-1", 0, 9, "late", signal="shop.paid", sender="shop", failure=failure, makes_slow=True, makes_failed=True
    )
    observer.amend(told, late)
    observer.amend(replace(told, makes_slow=False, makes_failed=False), late)

    life = totals_of(observer, "signal")["shop.paid", LIFE]
    assert (life.count, life.slow, life.failures) == (1, 1, 1)


def test_own_times_of_rows_may_be_added_up() -> None:
    observer = TotalsObserver()
    outer = dispatch(call(duration_ns=90_000_000, nested_ns=60_000_000))
    observer.observe(
        replace(
            outer,
            duration_ns=100_000_000,
            nested_ns=60_000_000,
            outside={"thread": 7_000_000, "send method": 3_000_000},
        ),
        None,
    )

    batch = Batch(process=ThisProcess().describe(()))
    observer.fill(batch)
    rows = {row.kind: row for row in batch.totals if row.window == LIFE}
    signal, receiver = rows["signal"], rows["receiver"]
    assert (receiver.self_ns, receiver.total_ns, receiver.max_ns) == (30_000_000, 90_000_000, 30_000_000)
    assert (signal.self_ns, signal.waiting_ns, signal.other_ns, signal.total_ns) == (
        30_000_000,
        7_000_000,
        3_000_000,
        40_000_000,
    )
    assert signal.max_ns == 90_000_000


def test_unbounded_senders_share_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "MAX_SUBJECTS", 10)
    observer = TotalsObserver()
    for number in range(50):
        observer.observe(dispatch(sender=f"task-{number}"), None)

    rows = {key: row.count for (key, window), row in totals_of(observer, "sender").items() if window == LIFE}
    assert len(rows) == 11
    assert rows[OTHER] == 40


def test_totals_of_a_lost_batch_come_with_the_next() -> None:
    observer = TotalsObserver()
    observer.observe(dispatch(call()), None)
    lost = Batch(process=ThisProcess().describe(()))
    observer.fill(lost)
    observer.refused(lost)

    assert totals_of(observer, "receiver")["shop.mail", LIFE].count == 1


def test_long_dispatch_counts_in_the_minute_of_its_end() -> None:
    observer = TotalsObserver()
    observer.observe(replace(dispatch(at=NOW - 600), duration_ns=600 * 10**9), None)

    assert ("shop.paid", int(NOW) // WINDOW_SECONDS * WINDOW_SECONDS) in totals_of(observer, "signal")


def test_call_of_a_window_that_is_over_here_counts_in_the_oldest_one_left() -> None:
    observer = TotalsObserver()
    observer.observe(dispatch(call(), at=NOW - 10 * WINDOW_SECONDS), None)
    before = totals_of(observer, "receiver")
    observer.observe(dispatch(call(), at=NOW - 10 * WINDOW_SECONDS), None)
    after = totals_of(observer, "receiver")

    assert len(before) == len(after) == 2
    assert after["shop.mail", LIFE].count == 2
    assert before.keys() & after.keys() == {("shop.mail", LIFE)}
