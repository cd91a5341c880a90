"""What every store keeps, for how long, and what it deletes first when it is full."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

from signal_monitor.database_records import DatabaseWork, TransactionEnd
from signal_monitor.records import SEVERITIES, Amendment, Dispatch

Category = Literal["routine", "slow", "failed"]
Rows = Literal["routine", "requests", "slow", "failed"]
"""What is deleted row by row: requests, and dispatches by category."""

CATEGORIES: tuple[Category, ...] = get_args(Category)
Deletable = Rows | Literal["windows"]
"""Also the windows of the totals, each as a whole."""

DELETED_FIRST: tuple[Rows, ...] = get_args(Rows)
WINDOWS_KEPT_SECONDS = 12 * 60 * 60 + 10 * 60
"""Twice the longest period of the pages, which compare it with the one before; and the windows in which both begin."""
FACTS_KEPT_SECONDS = 6 * 60 * 60
PROCESSES_KEPT_SECONDS = 24 * 60 * 60
DEFAULT_BYTES = 64 * 1024 * 1024
MAX_PROTECTED = 500
BYTES_PER_PROTECTED = 16_384
"""A store protects one row of each kind for so many of its bytes, up to MAX_PROTECTED."""
WINDOWS_PROTECTED = 2


def category_of(dispatch: Dispatch) -> Category:
    """Whether the dispatch failed, was slow, or is routine."""
    if dispatch.failed:
        return "failed"
    return "routine" if dispatch.severity == "normal" else "slow"


def deletions(max_bytes: int) -> list[tuple[Deletable, int]]:
    """What a full store deletes until it is small enough: the oldest of each, in this order, but not the newest ones.

    The newest rows of each kind are protected, so that no routine dispatch or request has to vanish because many fail.
    """
    protected = min(MAX_PROTECTED, max_bytes // BYTES_PER_PROTECTED)
    first: list[tuple[Deletable, int]] = [(rows, protected) for rows in DELETED_FIRST]
    return [*first, ("windows", WINDOWS_PROTECTED), *((rows, 0) for rows in DELETED_FIRST)]


def settled(dispatch: Dispatch, end: TransactionEnd) -> Dispatch:
    """The dispatch with what became of the transaction in which one of its receiver calls ran."""
    calls = tuple(
        replace(call, databases=tuple(_settled(work, end) for work in call.databases))
        if call.index == end.index
        else call
        for call in dispatch.calls
    )
    return replace(dispatch, calls=calls)


def _settled(work: DatabaseWork, end: TransactionEnd) -> DatabaseWork:
    if work.transaction is None or work.transaction.id != end.transaction_id:
        return work
    return replace(work, transaction=replace(work.transaction, outcome=end.outcome, ended_at=end.ended_at))


def amended(dispatch: Dispatch, amendment: Amendment) -> Dispatch:
    """The dispatch with what became of one of its receiver calls after it had ended."""
    calls = tuple(
        replace(
            call,
            offset_ns=call.offset_ns if amendment.offset_ns is None else amendment.offset_ns,
            duration_ns=amendment.duration_ns,
            outcome=amendment.outcome,
            severity=amendment.severity,
            failure=amendment.failure,
            nested_ns=amendment.nested_ns,
            repeated_ns=amendment.repeated_ns,
        )
        if call.index == amendment.index
        else call
        for call in dispatch.calls
    )
    return replace(dispatch, calls=calls, severity=max(dispatch.severity, amendment.severity, key=SEVERITIES.index))
