"""Totals of receivers as a table."""

from __future__ import annotations

from collections.abc import Sequence

from signal_monitor.cli.output import Cell, Output, Style, Table
from signal_monitor.cli.places import place
from signal_monitor.dashboard.formatting import duration
from signal_monitor.stores.base import Totals

TITLES = ("receiver", "calls", "own time", "mean", "p95", "longest", "slow", "failed", "")
NUMBERS = range(1, 8)


def totals_block(rows: Sequence[Totals]) -> Table:
    """A table of receivers: how often they ran, how long, and how often they were slow or failed."""
    return Table(TITLES, [_row(row) for row in rows], tuple(NUMBERS))


def totals_table(rows: Sequence[Totals], out: Output) -> None:
    """Print this table."""
    out.blocks([totals_block(rows)])


def _row(row: Totals) -> list[Cell | str]:
    return [
        row.key,
        f"{row.count:,}",
        duration(row.self_ns),
        duration(row.mean_ns),
        duration(row.p95_ns) if row.has_p95 else "",
        duration(row.max_ns),
        _number(row.slow, "warn"),
        _number(row.failures, "bad"),
        Cell(place(row.path, row.line), "muted"),
    ]


def _number(count: int, style: Style) -> Cell:
    return Cell(f"{count:,}", style) if count else Cell("0", "muted")
