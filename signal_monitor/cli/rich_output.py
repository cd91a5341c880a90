"""The output with rich, an optional dependency: colours, and names that are folded and never cut."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from signal_monitor.cli.output import Block, Cell, Style, Table, terminal_size

STYLES: Mapping[Style, str] = {
    "": "",
    "good": "green",
    "warn": "yellow",
    "bad": "bold red",
    "muted": "bright_black",
    "bold": "bold",
}


class RichRenderer:
    """Text in the colours and the width of the terminal; no colours with NO_COLOR."""

    def render(self, blocks: Iterable[Block]) -> str:
        stream, is_plain = io.StringIO(), bool(os.environ.get("NO_COLOR"))
        console = Console(
            file=stream,
            force_terminal=True,
            color_system=None if is_plain else "auto",
            width=terminal_size()[0],
            highlight=False,
            legacy_windows=False,
        )
        for block in blocks:
            console.print(_table(block) if isinstance(block, Table) else _line(block))
        return "".join(f"{line.rstrip(' ')}\n" for line in stream.getvalue().splitlines())


def _line(pieces: Sequence[Cell | str]) -> Padding | Text:
    """A line; one that begins with spaces is indented where it goes on, too."""
    line = Text(overflow="fold")
    for piece in pieces:
        line.append_text(_text(piece))
    indent = len(line.plain) - len(line.plain.lstrip(" "))
    return Padding(line[indent:], (0, 0, 0, indent)) if indent else line


def _text(cell: Cell | str) -> Text:
    return Text(cell.text, STYLES[cell.style], overflow="fold") if isinstance(cell, Cell) else Text(cell)


def _table(table: Table) -> Padding:
    shown = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(table.titles))
    for column, title in enumerate(table.titles):
        is_number = column in table.right
        shown.add_column(
            Text(title, STYLES["muted"]),
            justify="right" if is_number else "left",
            overflow="fold",
            no_wrap=is_number,
        )
    for row in table.rows:
        shown.add_row(*(_text(cell) for cell in row))
    return Padding(shown, (0, 0, 0, table.indent))
