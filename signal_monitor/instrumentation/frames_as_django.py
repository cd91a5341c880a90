"""Make the frames of our send methods those of Django's: same file, module and lines.

Warning filters, ``skip_file_prefixes`` and the ``stacklevel`` of warnings and logging go by the file and the module of
the frames around a receiver, and tracebacks show them.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterable, Iterator
from itertools import groupby
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from django.dispatch import dispatcher

CALLS = ("receiver(signal=", "await observe(")
"""Parts of the lines that call a receiver, in Django's code and in ours."""
NO_COLUMNS = 13
"""The code of an entry of a line table that has a line and no columns. Source: CPython, Objects/locations.md."""
MAX_UNITS = 8
UNCOUNTED_FILE = f"{__file__} (importlib._bootstrap)"
"""``warnings`` and ``logging`` do not count frames of files with such a name in ``stacklevel``."""


def hidden_from_stacklevel(function: Any) -> Any:  # noqa: ANN401 - any function
    """The function, with a frame that ``stacklevel`` does not count."""
    function.__code__ = function.__code__.replace(co_filename=UNCOUNTED_FILE)
    return function


class Part(NamedTuple):
    """A function of ours, and the name of the function inside Django's that it stands for; "" for that one itself.

    ``name`` is what our functions call it by, where that is not its own name.
    """

    ours: Any
    inner: str = ""
    name: str = ""


def in_djangos_place(parts: Iterable[tuple[Part, FunctionType]]) -> dict[str, Any]:
    """Copies of our functions, by name, whose frames look like those of the functions of Django that they stand for."""
    pairs = list(parts)
    namespace: dict[str, Any] = {}
    for part, _ in pairs:
        namespace.update(part.ours.__globals__)
    namespace.update({"__name__": dispatcher.__name__, "__file__": dispatcher.__file__})
    copies: dict[str, Any] = {}
    for part, djangos in pairs:
        code = _with_lines_of(part.ours.__code__, _inner_code(djangos.__code__, part.inner))
        copies[part.name or part.ours.__name__] = FunctionType(code, namespace, code.co_name, part.ours.__defaults__)
    namespace.update(copies)  # they call each other
    return copies


def _inner_code(code: CodeType, name: str) -> CodeType:
    """The code of a function inside a function, by its name; that of the outer one where there is none."""
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType) and constant.co_name == name)
    return next(inner, code)


def _with_lines_of(code: CodeType, djangos: CodeType) -> CodeType:
    first = djangos.co_firstlineno
    call = next(_call_lines(djangos), first)
    calls = set(_call_lines(code))
    lines = [call if line in calls else first for line, *_ in code.co_positions()]
    return code.replace(
        co_filename=djangos.co_filename,
        co_name=djangos.co_name,
        co_qualname=djangos.co_qualname,
        co_firstlineno=first,
        co_linetable=bytes(_line_table(lines, first)),
    )


def _call_lines(code: CodeType) -> Iterator[int]:
    """The lines of a function, or of one inside it, that call a receiver."""
    lines = sorted({line for line, *_ in code.co_positions() if line is not None})
    for line in lines:
        if any(part in linecache.getline(code.co_filename, line) for part in CALLS):
            yield line
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _call_lines(constant)


def _line_table(lines: list[int], first: int) -> Iterator[int]:
    """A line table: one line for each code unit."""
    before = first
    for line, run in groupby(lines):
        units = sum(1 for _ in run)
        while units:
            size = min(units, MAX_UNITS)
            yield 0x80 | NO_COLUMNS << 3 | (size - 1)
            yield from _signed(line - before)
            before, units = line, units - size


def _signed(value: int) -> Iterator[int]:
    """A signed number in groups of six bits, lowest first."""
    rest = (-value << 1) | 1 if value < 0 else value << 1
    while rest >= 0x40:
        yield 0x40 | (rest & 0x3F)
        rest >>= 6
    yield rest
