"""From notes to records: what each receiver call, and a request, did in the databases. Runs in the worker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from signal_monitor.database_records import (
    MAX_ALIKE,
    MAX_TABLES,
    AlikeQueries,
    DatabaseWork,
    LongStatement,
    LongTransaction,
    TableWork,
    TransactionUse,
)
from signal_monitor.instrumentation.record import info_of

from .notes import DatabaseNotes, Effect, Statement
from .statements import StatementText, is_control, read_statement
from .transactions import Transaction
from .wrappers import LONG_SECONDS

MAX_DIFFERENT_ROWS = 100
MAX_LONG = 20
MAX_TRANSACTIONS = 20


class Clock(NamedTuple):
    """How the process names its transactions, and what its clock's readings are in seconds since the epoch."""

    process_id: str
    wall_clock: Callable[[float], float]

    def transaction_id(self, transaction: Transaction) -> str:
        """The id of a transaction."""
        return f"{self.process_id}-t{transaction.number:x}"


class CallWork(NamedTuple):
    """The database work of one receiver call, and what else it did."""

    databases: tuple[DatabaseWork, ...] = ()
    mails: int = 0
    tasks: int = 0

    @property
    def queries(self) -> int:
        """How many queries it ran."""
        return sum(work.queries for work in self.databases)

    @property
    def query_ns(self) -> int:
        """How long they took."""
        return sum(work.query_ns for work in self.databases)


NO_WORK = CallWork()


def statement_text(statement: Statement) -> StatementText:
    """What a statement does."""
    return read_statement(statement.sql, statement.vendor)


def nanoseconds(seconds: float) -> int:
    """Seconds as nanoseconds."""
    return round(seconds * 1e9)


class CallSummary:
    """Adds up the notes of a dispatch by receiver call."""

    def __init__(self, notes: DatabaseNotes | None, clock: Clock, found_open: Sequence[Transaction] = ()) -> None:
        self._notes = notes
        self._clock = clock
        self._found_open = found_open
        self._statements: dict[int, list[Statement]] = defaultdict(list)
        self._effects: dict[int, list[Effect]] = defaultdict(list)
        if notes is not None:
            for statement in list(notes.statements):
                self._statements[statement.position].append(statement)
            for effect in list(notes.effects):
                self._effects[effect.position].append(effect)

    def of(self, index: int, began: float, ended: float) -> CallWork:
        """The work of the call at a position, which ran between two times."""
        notes = self._notes
        if notes is None and not self._found_open:
            return NO_WORK
        left_out = {} if notes is None else {
            alias: value for (position, alias), value in list(notes.left_out.items()) if position == index
        }  # fmt: skip
        return summed(
            self._statements.get(index, ()),
            self._effects.get(index, ()),
            left_out,
            self._clock,
            broken={number for position, number in list(notes.broken) if position == index} if notes else set(),
            found_open=[one for one in self._found_open if one.began <= ended and not 0 < one.ended < began],
            moment=(began, ended),
        )

    def transactions(self, index: int) -> list[Transaction]:
        """The transactions that a call at a position was in, and that had not ended when it was noted."""
        found = [one.transaction for one in self._statements.get(index, ()) if one.transaction is not None]
        found += [one for effect in self._effects.get(index, ()) for one in effect.transactions]
        return list({one.number: one for one in [*found, *self._found_open]}.values())


def summed(
    statements: Iterable[Statement],
    effects: Sequence[Effect],
    left_out: dict[str, tuple[int, float]],
    clock: Clock,
    *,
    broken: set[int],
    found_open: Iterable[Transaction],
    moment: tuple[float, float],
) -> CallWork:
    """The work of some statements and effects, by alias."""
    by_alias: dict[str, list[Statement]] = defaultdict(list)
    transactions: dict[str, Transaction] = {one.alias: one for one in found_open}
    for statement in statements:
        by_alias[statement.alias].append(statement)
        if statement.transaction is not None:
            transactions[statement.alias] = statement.transaction
    for effect in effects:
        transactions.update({one.alias: one for one in effect.transactions})
    works = [
        _work(
            alias,
            by_alias.get(alias, []),
            left_out.get(alias, (0, 0.0)),
            _use(transactions.get(alias), effects, clock, moment, broken),
        )
        for alias in dict.fromkeys([*by_alias, *left_out, *transactions])
    ]
    sums = {kind: sum(one.number for one in effects if one.kind == kind) for kind in ("mail", "task")}
    return CallWork(tuple(works), sums["mail"], sums["task"])


def _use(
    transaction: Transaction | None,
    effects: Sequence[Effect],
    clock: Clock,
    moment: tuple[float, float],
    broken: set[int],
) -> TransactionUse | None:
    if transaction is None:
        return None
    inside = [one for one in effects if any(other is transaction for other in one.transactions)]
    count = {kind: sum(one.number for one in inside if one.kind == kind) for kind in ("on_commit", "mail", "task")}
    outcome, ended = transaction.outcome_at(moment[0])
    wrote = transaction.wrote
    return TransactionUse(
        id=clock.transaction_id(transaction),
        began_at=clock.wall_clock(transaction.began),
        wrote_at=clock.wall_clock(wrote) if 0 < wrote <= moment[1] else None,
        broken=transaction.number in broken,
        outcome=outcome,
        ended_at=clock.wall_clock(ended) if outcome is not None else None,
        on_commit=count["on_commit"],
        mails=count["mail"],
        tasks=count["task"],
    )


def _work(
    alias: str, statements: Sequence[Statement], left_out: tuple[int, float], use: TransactionUse | None
) -> DatabaseWork:
    counted = [one for one in statements if not is_control(one.sql)]
    texts = [statement_text(one) for one in counted]
    rows = [_rows_written(one, text) for one, text in zip(counted, texts, strict=True)]
    return DatabaseWork(
        alias=alias,
        queries=len(counted) + left_out[0],
        query_ns=nanoseconds(sum(one.ended - one.began for one in counted) + left_out[1]),
        longest_ns=nanoseconds(max((one.ended - one.began for one in counted), default=0.0)),
        writes=sum(text.is_write for text in texts),
        rows_written=sum(rows),
        failed=sum(one.failed for one in counted),
        alike=_alike(counted, texts),
        tables=_tables(counted, texts, rows),
        left_out=left_out[0],
        transaction=use,
    )


def _rows_written(statement: Statement, text: StatementText) -> int:
    """How many rows a statement wrote; with RETURNING, SQLite's driver says 0 of an INSERT."""
    if statement.failed or not text.is_write:
        return 0
    return statement.rows or (text.rows if text.kind == "insert" else 0)


def _alike(statements: Sequence[Statement], texts: Sequence[StatementText]) -> tuple[AlikeQueries, ...]:
    groups: dict[str, list[tuple[Statement, StatementText]]] = defaultdict(list)
    for statement, text in zip(statements, texts, strict=True):
        if text.kind == "select":
            groups[text.fingerprint].append((statement, text))
    found = [
        AlikeQueries(
            fingerprint=fingerprint,
            example=group[0][1].example,
            count=len(group),
            duration_ns=nanoseconds(sum(one.ended - one.began for one, _ in group)),
            table=group[0][1].table,
        )
        for fingerprint, group in groups.items()
        if len(group) > 1
    ]
    return tuple(sorted(found, key=lambda group: -group.count)[:MAX_ALIKE])


def _tables(
    statements: Sequence[Statement], texts: Sequence[StatementText], rows: Sequence[int]
) -> tuple[TableWork, ...]:
    groups: dict[str, list[tuple[Statement, StatementText, int]]] = defaultdict(list)
    for statement, text, written in zip(statements, texts, rows, strict=True):
        if text.table is not None:
            groups[text.table].append((statement, text, written))
    found = sorted(groups.items(), key=lambda item: -len(item[1]))[:MAX_TABLES]
    return tuple(_table(name, group) for name, group in found)


def _table(name: str, group: Sequence[tuple[Statement, StatementText, int]]) -> TableWork:
    single = [one.row for one, text, _ in group if text.kind == "update" and one.row is not None]
    return TableWork(
        table=name,
        selects=sum(text.kind == "select" for _, text, _ in group),
        writes=sum(text.is_write for _, text, _ in group),
        rows=sum(written for _, _, written in group),
        single_updates=len(single),
        different_rows=min(len(set(single)), MAX_DIFFERENT_ROWS),
    )


def request_work(notes: DatabaseNotes, ended: float, clock: Clock) -> CallWork:
    """The work of a request until its response was ready."""
    statements = [one for one in list(notes.statements) if one.began <= ended]
    effects = [one for one in list(notes.effects) if one.at <= ended]
    left_out: dict[str, tuple[int, float]] = {}
    for (_, alias), (count, seconds) in list(notes.left_out.items()):
        known = left_out.get(alias, (0, 0.0))
        left_out[alias] = known[0] + count, known[1] + seconds
    return summed(statements, effects, left_out, clock, broken=set(), found_open=(), moment=(0.0, ended))


def long_transactions(notes: DatabaseNotes, clock: Clock) -> tuple[LongTransaction, ...]:
    """The transactions of a request that have written, and lasted long after that."""
    found = [one for one in list(notes.seen.values()) if one.wrote and one.ended - one.wrote >= LONG_SECONDS]
    return tuple(
        LongTransaction(
            id=clock.transaction_id(one),
            alias=one.alias,
            vendor=one.vendor,
            wrote_at=clock.wall_clock(one.wrote),
            ended_at=clock.wall_clock(one.ended),
            outcome=one.outcome,
            tables=tuple(dict.fromkeys(filter(None, (read_statement(sql, one.vendor).table for sql in one.written)))),
        )
        for one in found[:MAX_TRANSACTIONS]
    )


def long_statements(notes: DatabaseNotes, clock: Clock) -> tuple[LongStatement, ...]:
    """The statements of a request that took long, the longest first."""
    found = [one for one in list(notes.statements) if one.ended - one.began >= LONG_SECONDS]
    found = sorted(found, key=lambda one: one.began - one.ended)[:MAX_LONG]
    return tuple(_long(one, statement_text(one), clock) for one in found)


def _long(one: Statement, text: StatementText, clock: Clock) -> LongStatement:
    control = is_control(one.sql)
    return LongStatement(
        alias=one.alias,
        vendor=one.vendor,
        kind=one.sql.split()[0].lower() if control else text.kind,
        started_at=clock.wall_clock(one.began),
        duration_ns=nanoseconds(one.ended - one.began),
        table=text.table,
        example=text.example,
        in_transaction=clock.transaction_id(one.transaction) if one.transaction is not None else None,
        receiver=info_of(one.receiver[0]).receivers[one.receiver[1]].name if one.receiver is not None else None,
        failed=one.failed,
    )
