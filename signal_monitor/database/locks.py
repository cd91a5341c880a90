"""Which request may have held the lock that a statement of another one waited for: an inference from times only.

A statement that is just slow is not reported: another request has to have written before it began, on the same
database, and to have ended its transaction when the statement went on.
"""

from __future__ import annotations

from collections.abc import Iterable

from signal_monitor.database_records import LockWait, LongStatement, LongTransaction
from signal_monitor.records import Request

LEAST_OVERLAP_SECONDS = 0.05
TOLERANCE_SECONDS = 0.02
"""How much earlier than the transaction a statement may have ended: clocks of processes differ a little."""


def lock_waits(waiting: Request, others: Iterable[Request]) -> list[LockWait]:
    """The statements of a request that may have waited for a lock, each with the request that may have held it."""
    holders = [(other, held) for other in others if other.id != waiting.id for held in other.transactions]
    found = [_wait(waiting, statement, holders) for statement in waiting.statements]
    return [wait for wait in found if wait is not None]


def _wait(
    waiting: Request, statement: LongStatement, holders: Iterable[tuple[Request, LongTransaction]]
) -> LockWait | None:
    """The one that overlaps most."""
    waits = [
        LockWait(
            request_id=waiting.id,
            statement=statement,
            holder_id=other.id,
            holder=held,
            overlap_ns=round(_overlap(statement, held) * 1e9),
            holder_name=f"{other.method} {other.path}",
        )
        for other, held in holders
        if _may_wait(statement, held)
    ]
    return max(waits, key=lambda wait: wait.overlap_ns, default=None)


def _may_wait(statement: LongStatement, held: LongTransaction) -> bool:
    if held.ended_at is None or (held.alias, held.vendor) != (statement.alias, statement.vendor):
        return False
    if statement.kind == "select" and "FOR UPDATE" not in statement.example.upper():
        return False
    # SQLite locks the whole file; everywhere else, rows of a table are locked.
    if held.vendor != "sqlite" and statement.table not in held.tables:
        return False
    if held.id == statement.in_transaction or held.wrote_at > statement.started_at + TOLERANCE_SECONDS:
        return False
    went_on = statement.failed or statement.ended_at >= held.ended_at - TOLERANCE_SECONDS
    return went_on and _overlap(statement, held) >= LEAST_OVERLAP_SECONDS


def _overlap(statement: LongStatement, held: LongTransaction) -> float:
    """For how many seconds the transaction was open while the statement ran."""
    ended = min(statement.ended_at, held.ended_at or 0.0)
    return max(0.0, ended - max(statement.started_at, held.wrote_at))
