"""A screen that is drawn again and again: the whole terminal where there is one, or one picture after the other."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from signal_monitor.cli.output import Block, Output, terminal_size

ENTER = "\x1b[?1049h\x1b[?25l"
LEAVE = "\x1b[?25h\x1b[?1049l"
HOME = "\x1b[H"
CLEAR_LINE = "\x1b[K"
CLEAR_BELOW = "\x1b[J"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def repeat(draw: Callable[[], None], interval: float) -> None:
    """Draw until Ctrl-C."""
    while True:
        draw()
        time.sleep(interval)


@contextmanager
def whole_terminal(out: Output) -> Iterator[None]:
    """Use the whole terminal in a block, and restore what it showed afterwards; SIGTERM ends the block too."""
    before = signal.signal(signal.SIGTERM, _end)
    out.write(ENTER)
    try:
        yield
    finally:
        out.write(LEAVE)
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def draw_screen(blocks: Sequence[Block], out: Output) -> None:
    """Draw from the top; what does not fit is cut, as by ``top``."""
    columns, lines = terminal_size()
    text = out.renderer.render(blocks).splitlines()[: max(1, lines - 1)]
    shown = "".join(f"{cut(line, columns)}{CLEAR_LINE}\r\n" for line in text)
    out.write(f"{HOME}{shown}{CLEAR_BELOW}")


def cut(line: str, columns: int) -> str:
    """A line without what is right of the terminal; escape sequences take no room."""
    room, shown, at = columns, [], 0
    for match in [*ESCAPE.finditer(line), None]:
        text = line[at : match.start() if match else len(line)]
        shown.append(text[:room])
        room -= len(shown[-1])
        if match:
            shown.append(match.group())
            at = match.end()
    return "".join(shown)
