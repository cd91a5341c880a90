"""Frozen records of database work: names and numbers, and texts of statements without their values.

Every duration is in nanoseconds, every ``*_at`` is wall-clock time in seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

BulkOperationName = Literal[
    "update", "bulk_create", "bulk_update", "delete", "_raw_delete",
    "add", "set", "remove", "clear", "create", "get_or_create", "update_or_create",
    "INSERT", "UPDATE", "DELETE",
]  # fmt: skip
"""Methods of querysets, methods of a many-to-many field, and statements that a cursor has run."""
TransactionOutcome = Literal["committed", "rolled back"]
MAX_ALIKE = 5
MAX_TABLES = 20


@dataclass(frozen=True, slots=True)
class AlikeQueries:
    """SELECTs that have the same text, at least two of them.

    ``fingerprint`` is a hash of the text without values and comments, the same in every process. ``example`` is this
    text, shortened and without secrets. ``table`` is the first table that it names.
    """

    fingerprint: str
    example: str
    count: int
    duration_ns: int
    table: str | None = None


@dataclass(frozen=True, slots=True)
class TableWork:
    """The statements on one table, by the first table that each of them names.

    ``writes`` are INSERT, UPDATE, DELETE, REPLACE and MERGE; ``rows`` is how many rows they wrote, as the driver says.
    ``single_updates`` are those UPDATEs that end with a comparison with one value, as ``save()`` makes them;
    ``different_rows`` is to how many different values these compared, up to 100.
    """

    table: str
    selects: int = 0
    writes: int = 0
    rows: int = 0
    single_updates: int = 0
    different_rows: int = 0


@dataclass(frozen=True, slots=True)
class TransactionUse:
    """The transaction that was open on a database when something happened.

    ``id`` is the same for everything in one transaction, and unique among all processes of a store. ``began_at`` is
    when it was first seen: its first statement, or later. ``wrote_at`` is when the first statement that writes
    began in it, whoever ran it, if this was before the end of what is described; None if nothing had been written.
    ``broken`` says that a statement failed in the receiver call and that the transaction was left with
    ``needs_rollback``, which it had not before. ``outcome`` is None while the transaction is open, and if nobody has
    seen its end. A savepoint that was rolled back counts as ``rolled back`` for what it contained. ``on_commit`` is
    the number of functions that were registered with ``transaction.on_commit()``; ``mails`` and ``tasks`` are how many
    were sent and queued while it was open, before anything was committed. All three count what the receiver call or
    the request itself did.
    """

    id: str
    began_at: float
    wrote_at: float | None = None
    broken: bool = False
    outcome: TransactionOutcome | None = None
    ended_at: float | None = None
    on_commit: int = 0
    mails: int = 0
    tasks: int = 0

    @property
    def has_written(self) -> bool:
        """Whether anything had been written in it: rows may be locked."""
        return self.wrote_at is not None


@dataclass(frozen=True, slots=True)
class DatabaseWork:
    """What a receiver call or a request did on the database of one alias.

    ``queries`` counts statements, ``executemany`` once; BEGIN and savepoints are not counted. ``query_ns`` is their
    time, ``longest_ns`` that of the longest. ``writes`` of them are statements that write, and wrote ``rows_written``
    rows. ``failed`` statements raised an exception. ``alike`` has the groups of alike SELECTs, the largest first,
    ``tables`` the tables with most statements, up to MAX_ALIKE and MAX_TABLES. ``left_out`` queries were too many to
    keep: they are counted, with their time, and nothing else is known of them. ``transaction`` is the last one that
    was open on this database; with no query at all, it was open all the same.
    """

    alias: str
    queries: int = 0
    query_ns: int = 0
    longest_ns: int = 0
    writes: int = 0
    rows_written: int = 0
    failed: int = 0
    alike: tuple[AlikeQueries, ...] = ()
    tables: tuple[TableWork, ...] = ()
    left_out: int = 0
    transaction: TransactionUse | None = None

    @property
    def alike_count(self) -> int:
        """The number of SELECTs in the largest group of alike ones; 0 without such a group."""
        return self.alike[0].count if self.alike else 0


@dataclass(frozen=True, slots=True)
class WorkSum:
    """Database work added up over aliases and calls, as pages show it."""

    queries: int = 0
    query_ns: int = 0
    writes: int = 0
    rows_written: int = 0
    failed: int = 0
    alike: tuple[AlikeQueries, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def alike_count(self) -> int:
        """The number of SELECTs in the largest group of alike ones; 0 without such a group."""
        return self.alike[0].count if self.alike else 0


def added_work(works: Iterable[DatabaseWork]) -> WorkSum:
    """The sum of database work; alike SELECTs of several calls are one group."""
    everything = [work for work in works if work.queries]
    return WorkSum(
        queries=sum(work.queries for work in everything),
        query_ns=sum(work.query_ns for work in everything),
        writes=sum(work.writes for work in everything),
        rows_written=sum(work.rows_written for work in everything),
        failed=sum(work.failed for work in everything),
        alike=_merged_alike(group for work in everything for group in work.alike),
        aliases=tuple(dict.fromkeys(work.alias for work in everything)),
    )


def _merged_alike(groups: Iterable[AlikeQueries]) -> tuple[AlikeQueries, ...]:
    merged: dict[str, AlikeQueries] = {}
    for group in groups:
        known = merged.get(group.fingerprint)
        merged[group.fingerprint] = group if known is None else replace(
            known, count=known.count + group.count, duration_ns=known.duration_ns + group.duration_ns
        )  # fmt: skip
    return tuple(sorted(merged.values(), key=lambda group: -group.count)[:MAX_ALIKE])


@dataclass(frozen=True, slots=True)
class TransactionEnd:
    """How a transaction ended, or what became of a savepoint, after the dispatch was recorded: an amendment of it.

    It holds for the work of the receiver call at position ``index`` in the transaction ``transaction_id``.
    """

    dispatch_id: str
    index: int
    transaction_id: str
    outcome: TransactionOutcome
    ended_at: float


@dataclass(frozen=True, slots=True)
class LongTransaction:
    """A transaction of a request that has written.

    ``tables`` are the tables that it wrote to, in their order, the first 20. See TransactionUse for the others.
    """

    id: str
    alias: str
    vendor: str
    wrote_at: float
    ended_at: float | None = None
    outcome: TransactionOutcome | None = None
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LongStatement:
    """A statement of a request that took long, and that may have waited for a lock.

    ``kind`` is the first word of the statement, in lower case; ``commit`` is one too. ``in_transaction`` is the id of
    the transaction that it was part of. ``receiver`` is the receiver that ran it, if one did.
    """

    alias: str
    vendor: str
    kind: str
    started_at: float
    duration_ns: int
    table: str | None = None
    example: str = ""
    in_transaction: str | None = None
    receiver: str | None = None
    failed: bool = False

    @property
    def ended_at(self) -> float:
        """When it ended."""
        return self.started_at + self.duration_ns / 1e9


MAX_AROUND = 20
"""Receivers around bulk operations of one line that are kept."""


@dataclass(frozen=True, slots=True)
class BulkOperation:
    """Calls of a queryset's ``update``, ``bulk_create``, ``bulk_update`` or ``delete`` and the like from one line.

    The model has receivers of ``signals``, which these methods do not call; a ``delete`` does send ``pre_delete`` and
    ``post_delete``, and loads all rows for it. Of a through model that Django has made, ``m2m_changed`` is not sent.
    ``path`` and ``line`` are the innermost line of the project's own code, and ``function`` is its function.
    ``receiver`` is the receiver call in which it happened, if any; ``around`` has this receiver and those around it.
    ``rows`` is the sum over all ``calls``. Migrations are left out.
    """

    model: str
    operation: BulkOperationName
    path: str
    line: int
    function: str
    signals: tuple[str, ...] = ()
    receiver: str | None = None
    calls: int = 0
    rows: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    around: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What makes two of them the same."""
        return f"{self.model} {self.operation} {self.path}:{self.line} {self.receiver or ''}"

    def plus(self, other: BulkOperation) -> BulkOperation:
        """The sum of two with the same key."""
        return replace(
            self,
            signals=tuple(sorted({*self.signals, *other.signals})),
            calls=self.calls + other.calls,
            rows=self.rows + other.rows,
            first_at=min(self.first_at, other.first_at),
            last_at=max(self.last_at, other.last_at),
            around=tuple(sorted({*self.around, *other.around})[:MAX_AROUND]),
        )


@dataclass(frozen=True, slots=True)
class RowSignals:
    """How often a receiver was called by a signal of a model, by what the signal said of the row.

    ``created`` calls were for new rows, ``existing`` for rows that existed already, and ``raw`` of both while fixtures
    were loaded. Calls of dispatches that are not stored are counted too.
    """

    receiver: str
    signal: str
    sender: str
    created: int = 0
    existing: int = 0
    raw: int = 0
    last_at: float = 0.0

    @property
    def key(self) -> str:
        """What makes two of them the same."""
        return f"{self.receiver} {self.signal} {self.sender}"

    def plus(self, other: RowSignals) -> RowSignals:
        """The sum of two with the same key."""
        return replace(
            self,
            created=self.created + other.created,
            existing=self.existing + other.existing,
            raw=self.raw + other.raw,
            last_at=max(self.last_at, other.last_at),
        )


@dataclass(frozen=True, slots=True)
class ModelArguments:
    """What a signal of Django's models said about the row: never values of its fields.

    Each is None if the signal has no such argument, or if the value is not exactly of Django's type. ``row`` is a hash
    of model and primary key, the same within one process only; None while the row has no key.
    """

    created: bool | None = None
    raw: bool | None = None
    using: str | None = None
    update_fields: tuple[str, ...] | None = None
    row: str | None = None


@dataclass(frozen=True, slots=True)
class LockWait:
    """A statement that took long while another request had written to the same table and not committed.

    This is an inference from the times: ``request_id`` ran ``statement``, ``holder_id`` is the other request, and they
    overlapped for ``overlap_ns``.
    """

    request_id: str
    statement: LongStatement
    holder_id: str
    holder: LongTransaction
    overlap_ns: int
    holder_name: str = field(default="")
