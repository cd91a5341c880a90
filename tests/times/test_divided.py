"""The dispatches of a request that are added up in columns come to the same as those added up one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.dispatch import Signal

from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.thread_state import begin_origin, end_origin
from signal_monitor.pipeline.divided import Divided
from signal_monitor.pipeline.request_origin import RequestOrigin, add_up
from signal_monitor.testing import capture_dispatches

plain, outer, inner, failing = Signal(), Signal(use_caching=True), Signal(), Signal()


def quick(**kwargs: object) -> None:
    """Take no time."""


def other(**kwargs: object) -> None:
    """Take no time either."""


def saves(sender: object, **kwargs: object) -> None:
    """Send the inner signal."""
    inner.send(sender)


def raises(**kwargs: object) -> None:
    """Fail."""
    raise ValueError("no")


def request() -> RequestOrigin:
    """A request with plain, nested and failing dispatches, the last ones after its response."""
    for signal, receivers in (
        (plain, (quick, other)),
        (outer, (saves, quick)),
        (inner, (other,)),
        (failing, (raises,)),
    ):
        for receiver in receivers:
            signal.connect(receiver)
    origin = RequestOrigin(framed=True)
    begin_origin(origin)
    for _ in range(5):
        plain.send(object)
        outer.send(object)
        failing.send_robust(object)
    origin.end()
    plain.send(object)
    outer.send(object)
    end_origin(origin)
    return origin


def test_columns_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with capture_dispatches():
        origin = request()
    in_columns = add_up(origin)

    def one_by_one(records: Sequence[Record], _answered: int) -> Divided:
        return Divided([], [], records)

    monkeypatch.setattr(Divided, "of", one_by_one)
    singly = add_up(origin)

    assert in_columns.dispatch_count == 5 * 4 + 3
    assert in_columns.receiver_count == 5 * (2 + 3 + 1) + 5
    assert (in_columns.after_count, in_columns.failed_count) == (3, 5)
    for name in in_columns._fields:
        if name not in {"calls", "waited"}:
            assert getattr(in_columns, name) == pytest.approx(getattr(singly, name), abs=2), name
    assert in_columns.waited.keys() == singly.waited.keys()
    for receiver, waited in in_columns.waited.items():
        assert waited == pytest.approx(singly.waited[receiver], abs=5), receiver
    rows = {row.receiver: row for row in singly.receivers}
    assert len(in_columns.receivers) == len(rows) == 4
    for row in in_columns.receivers:
        same = rows[row.receiver]
        assert (row.calls, row.failed, row.slow) == (same.calls, same.failed, same.slow)
        assert (row.total_ns, row.self_ns, row.longest_ns) == pytest.approx(
            (same.total_ns, same.self_ns, same.longest_ns), abs=5
        )


class Choosy(Signal):
    """Leaves out all receivers, in a tuple."""

    def _live_receivers(self, sender: object) -> Any:
        return (), ()


def test_dispatches_of_no_receiver_are_counted() -> None:
    signal = Choosy()
    signal.connect(quick)
    origin = RequestOrigin(framed=True)
    begin_origin(origin)
    for _ in range(10):
        signal.send(object)
    origin.end()
    sums = add_up(origin)
    end_origin(origin)
    assert (sums.dispatch_count, sums.receiver_count) == (10, 0)
