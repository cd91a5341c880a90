"""What the subcommands print: lines and tables, with rich at a terminal and as plain text elsewhere."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Style = Literal["", "good", "warn", "bad", "muted", "bold"]


@dataclass(frozen=True, slots=True)
class Cell:
    """Text with its style."""

    text: str
    style: Style = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below titles; the columns of ``right`` have numbers. ``indent`` spaces come before each row."""

    titles: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    right: Sequence[int] = ()
    indent: int = 0


Block = Table | Sequence[Cell | str]
"""A table, or the pieces of one line."""


class Stream(Protocol):
    """What is written to: standard output, or what Django has put around it."""

    def write(self, text: str, /) -> object:
        """Write text."""

    def flush(self) -> object:
        """Hand over what is buffered."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""


class Renderer(Protocol):
    """Makes text of blocks."""

    def render(self, blocks: Iterable[Block]) -> str:
        """The text, which ends with a new line."""


class PlainRenderer:
    """Text without colours; nothing is cut or wrapped."""

    def render(self, blocks: Iterable[Block]) -> str:
        lines = [line for block in blocks for line in _plain(block)]
        return "".join(f"{line.rstrip()}\n" for line in lines)


def _plain(block: Block) -> list[str]:
    return _plain_table(block) if isinstance(block, Table) else ["".join(str(piece) for piece in block)]


def _plain_table(table: Table) -> list[str]:
    rows = [list(table.titles), *([str(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.titles))]
    shown = rows if any(table.titles) else rows[1:]
    return [" " * table.indent + "  ".join(_padded(row, widths, table.right)) for row in shown]


def _padded(row: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> list[str]:
    return [
        text.rjust(width) if column in right else text.ljust(width)
        for column, (text, width) in enumerate(zip(row, widths, strict=True))
    ]


class Output:
    """Writes to a stream. ``is_live`` says whether it is a terminal that can be drawn on."""

    def __init__(self, stream: Stream, *, as_json: bool = False, colour: bool | None = None) -> None:
        self._stream = stream
        self.as_json = as_json
        self.is_live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.renderer = renderer(wanted=self.is_live if colour is None else colour)

    def line(self, *pieces: Cell | str) -> None:
        """Print one line."""
        self.blocks([pieces])

    def table(
        self, titles: Sequence[str], rows: Sequence[Sequence[Cell | str]], right: Sequence[int] = (), indent: int = 0
    ) -> None:
        """Print a table."""
        self.blocks([Table(titles, rows, right, indent)])

    def blocks(self, blocks: Iterable[Block]) -> None:
        """Print lines and tables."""
        self.write(self.renderer.render(blocks))

    def json(self, data: object) -> None:
        """Print a JSON document."""
        self.write(json.dumps(data, indent=2, default=str) + "\n")

    def json_line(self, data: object) -> None:
        """Print a JSON document as one line, one of several."""
        self.write(json.dumps(data, default=str) + "\n")

    def write(self, text: str) -> None:
        """Write text as it is; what the encoding of the stream lacks is escaped."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self._stream.flush()


def renderer(*, wanted: bool) -> Renderer:
    """The one of rich, if colours are wanted and rich is installed."""
    if not wanted:
        return PlainRenderer()
    try:
        from signal_monitor.cli.rich_output import RichRenderer
    except ImportError:  # the extra `cli` is not installed
        return PlainRenderer()
    return RichRenderer()


def terminal_size() -> tuple[int, int]:
    """Columns and lines of the terminal."""
    size = shutil.get_terminal_size()
    return size.columns, size.lines
