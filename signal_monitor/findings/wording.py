"""Numbers, names and places as the sentences of findings have them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from signal_monitor.records import Dispatch, Frame, ReceiverCall, Request
from signal_monitor.stores.base import Totals

DOTTED = re.compile(r"[^\W\d][\w<>]*(?:\.[\w<>]+)+")


def ms(duration_ns: float) -> str:
    """A duration in whole milliseconds: "1,673 ms"; below 10 ms with a digit more."""
    value = duration_ns / 1e6
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def number_of_ms(duration_ns: float) -> str:
    """The same without the unit, for "352 of 419 ms"."""
    return ms(duration_ns).removesuffix(" ms")


def short(name: str) -> str:
    """The last part of a dotted name, with its class if that is a method's: "Cart.add_up".

    Of a name with brackets, each dotted name is shortened: "partial(count, extra=1)".
    """
    if "(" in name:
        return DOTTED.sub(lambda found: short(found.group()), name)
    head, _, last = name.rpartition(".")
    owner = head.rpartition(".")[2]
    return f"{owner}.{last}" if owner[:1].isupper() and last[:1].islower() else last or name


def place(path: str | None, line: int | None) -> str:
    """A file and line: "receivers.py:46"; "" if it is not known."""
    return f"{PurePath(path).name}:{line}" if path and line else ""


def named(name: str, path: str | None = None, line: int | None = None) -> str:
    """A receiver and where it is: "`render_report` (receivers.py:46)"."""
    where = place(path, line)
    return f"`{short(name)}` ({where})" if where else f"`{short(name)}`"


def named_call(call: ReceiverCall | Totals) -> str:
    """The receiver of a call or of totals, and where it is."""
    return named(call.receiver if isinstance(call, ReceiverCall) else call.key, call.path, call.line)


def sent_at(frame: Frame | None) -> str:
    """Where a signal was sent: "`view` (views.py:13)"; "" if it is not known."""
    return f"`{frame.function.rpartition('.')[2]}` ({place(frame.path, frame.line)})" if frame else ""


def plural(count: int, noun: str, several: str = "") -> str:
    """A number with its noun: "1 call", "1,200 calls"."""
    return f"{count:,} {noun if count == 1 else several or f'{noun}s'}"


def of(part: int, whole: int, noun: str, several: str = "") -> str:
    """A part of a whole: "1 of 28 responses"."""
    return f"{part:,} of {max(part, whole):,} {several or f'{noun}s'}"


def listed(names: Sequence[str], most: int = 3, word: str = "and") -> str:
    """Names in a sentence: "a, b and 4 more"."""
    shown, more = list(names[:most]), len(names) - most
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return f"{', '.join(shown[:-1])} {word} {shown[-1]}" if len(shown) > 1 else "".join(shown)


def of_request(request: Request) -> str:
    """A request as people call it: "`POST /reports/`"."""
    return f"`{request.method} {request.path}`"


def error_of(dispatch_or_call: Dispatch | ReceiverCall) -> str:
    """The exception of a call: "`KeyError: environ`"."""
    failure = dispatch_or_call.failure
    return f"`{failure.summary}`" if failure is not None else "an exception"
