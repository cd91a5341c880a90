"""The plain dispatches of a request, added up in columns: those that have times and nothing else, and sent nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import sub

from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.info import DispatchInfo
from signal_monitor.instrumentation.record import add_records_around, columns_of, info_of, is_plain

from .intervals import Interval, nanoseconds


@dataclass(slots=True)
class PlainReceiver:
    """The calls of one receiver in one thread, one after the other; no other call is part of them."""

    calls: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    slow: int = 0

    def add(self, seconds: Sequence[float], slow_ns: int) -> None:
        """Add calls that took so many seconds each."""
        longest = max(seconds)
        self.calls += len(seconds)
        self.seconds += sum(seconds)
        self.longest = max(self.longest, longest)
        if nanoseconds(longest) >= slow_ns:
            self.slow += sum(1 for one in seconds if nanoseconds(one) >= slow_ns)


@dataclass(slots=True)
class PlainSums:
    """What plain dispatches amount to: ``windows`` says when each of them began and ended."""

    dispatches: int = 0
    calls: int = 0
    windows: list[Interval] = field(default_factory=list)
    receivers: dict[str, PlainReceiver] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Sequence[Record]) -> PlainSums:
        """The sums of plain dispatches."""
        sums = cls()
        by_info: defaultdict[DispatchInfo, list[Record]] = defaultdict(list)
        for record in records:
            by_info[info_of(record)].append(record)
        for info, several in by_info.items():
            sums._add(info, several)
        return sums

    def _add(self, info: DispatchInfo, records: Sequence[Record]) -> None:
        columns = columns_of(records)
        self.dispatches += len(records)
        self.calls += len(records) * len(columns.ended)
        self.windows.extend(zip(columns.started, columns.finished, strict=True))
        for receiver, begins, ends in zip(info.receivers, columns.begun, columns.ended, strict=False):
            mine = self.receivers.get(receiver.name)
            if mine is None:
                mine = self.receivers[receiver.name] = PlainReceiver()
            mine.add(list(map(sub, ends, begins)), receiver.slow_ns)


def divided(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """The plain dispatches among some of a request, and the others: also those in which another one was sent."""
    others = [record for record in records if not is_plain(record)]
    if not others:
        return list(records), []
    kept = {id(record) for record in others}
    for record in others:
        add_records_around(record, kept)
    return [one for one in records if id(one) not in kept], [one for one in records if id(one) in kept]
