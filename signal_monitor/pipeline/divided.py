"""The plain dispatches of a request, which are added up in columns, and the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.record import add_records_around, follow_one_another, is_plain, started_at


class Divided(NamedTuple):
    """The dispatches of a request: the plain ones, those of them that ended after the response, and the others.

    Plain ones have times and nothing else, and sent nothing: a dispatch in which another was sent is not plain.
    """

    plain: Sequence[Record]
    plain_after: Sequence[Record]
    others: Sequence[Record]

    @classmethod
    def of(cls, records: Sequence[Record], answered: int) -> Divided:
        """Divide dispatches, of which the first ``answered`` ended before the response."""
        others = [record for record in records if not is_plain(record)]
        if not others:
            return cls(records[:answered], records[answered:], [])
        kept = {id(record) for record in others}
        for record in others:
            add_records_around(record, kept)
        before, after = (
            [record for record in part if id(record) not in kept] for part in (records[:answered], records[answered:])
        )
        return cls(before, after, [record for record in records if id(record) in kept])


def plain_until(records: Sequence[Record], answered: int, ended: float) -> Sequence[Record] | None:
    """The dispatches before a response, if all are plain and followed one another; None otherwise.

    The first ``answered`` ended before the response, which was ready at ``ended``; the others must have begun after it.
    """
    divided = Divided.of(records, answered)
    if divided.others or not follow_one_another(records):
        return None
    if divided.plain_after and started_at(divided.plain_after[0]) < ended:
        return None
    return divided.plain
