"""Which request may have held a lock: from the times of real transactions on a file of SQLite, and from records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from signal_monitor.database.locks import lock_waits
from signal_monitor.database_records import LongStatement, LongTransaction
from signal_monitor.records import Request

HELD = LongTransaction(
    "p-t1", "default", "sqlite", wrote_at=100.0, ended_at=101.5, outcome="committed", tables=("pay",)
)
WAITED = LongStatement("default", "sqlite", "insert", started_at=100.3, duration_ns=1_210_000_000, table="note")
HOLDER = Request("holder", "GET", "/pay/", 99.0, 3_000_000_000, transactions=(HELD,))


def waits(statement: LongStatement = WAITED, held: LongTransaction = HELD) -> list[str]:
    waiting = Request("waiting", "GET", "/note/", 100.0, 2_000_000_000, statements=(statement,))
    return [wait.holder_id for wait in lock_waits(waiting, [waiting, replace(HOLDER, transactions=(held,))])]


def test_statement_that_went_on_when_the_other_ended() -> None:
    assert waits() == ["holder"]
    waiting = Request("waiting", "GET", "/note/", 100.0, 2_000_000_000, statements=(WAITED,))
    (wait,) = lock_waits(waiting, [HOLDER])
    assert (wait.holder_name, round(wait.overlap_ns / 1e9, 3)) == ("GET /pay/", 1.2)


@pytest.mark.parametrize(
    "statement",
    [
        replace(WAITED, kind="select"),
        replace(WAITED, alias="other"),
        replace(WAITED, started_at=101.6),
        replace(WAITED, duration_ns=300_000_000),
        replace(WAITED, started_at=99.0),
        replace(WAITED, in_transaction="p-t1"),
    ],
    ids=["long select", "another database", "after it", "ended before it", "began before the write", "its own"],
)
def test_innocent_statements(statement: LongStatement) -> None:
    assert waits(statement) == []


def test_transaction_whose_end_is_not_known() -> None:
    assert waits(held=replace(HELD, ended_at=None)) == []


def test_statement_that_gave_up() -> None:
    assert waits(replace(WAITED, failed=True, duration_ns=600_000_000)) == ["holder"]


def test_tables_count_where_rows_are_locked() -> None:
    held = replace(HELD, vendor="postgresql")
    statement = replace(WAITED, vendor="postgresql")
    assert waits(statement, held) == []
    assert waits(replace(statement, table="pay"), held) == ["holder"]
    select = replace(statement, table="pay", kind="select")
    assert waits(select, held) == []
    assert waits(replace(select, example="SELECT ... FROM pay FOR UPDATE"), held) == ["holder"]
