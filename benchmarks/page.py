"""The page to which the benchmarks write: they replace what is between their markers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

FRAME = """# Performance

<!-- benchmarks.summary -->
<!-- end of benchmarks.summary -->

## Sends

<!-- benchmarks.overhead -->

## Requests

<!-- benchmarks.requests -->

<!-- benchmarks.latency -->
<!-- end of benchmarks.latency -->

## Scale

<!-- benchmarks.scale -->

## Why targets are missed
"""


def write(path: Path, benchmark: str, pair: str, lines: Sequence[str]) -> None:
    """Write the results of a benchmark for a pair of Python and Django to the page.

    They replace earlier results of the same pair. Those of a new pair are added after the last ones of the benchmark,
    or at the end.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else FRAME
    begin, end = f"<!-- {benchmark}: {pair} -->", f"<!-- end of {benchmark}: {pair} -->"
    block = "\n".join([begin, f"### {pair}", "", *lines, end])
    before, found, rest = text.partition(begin)
    if found:
        _old, closed, after = rest.partition(end)
        if not closed:
            raise ValueError(f"{path} has {begin!r} without {end!r}")
        path.write_text(f"{before}{block}{after}", encoding="utf-8")
    else:
        path.write_text(_inserted(text, benchmark, block), encoding="utf-8")


def write_block(path: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what is between the two markers of a name; raises ValueError if the page does not have both."""
    text = path.read_text(encoding="utf-8") if path.exists() else FRAME
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = text.partition(begin)
    _old, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{path} has no {begin!r} with {end!r}")
    path.write_text("\n".join([f"{before}{begin}", *lines, f"{end}{after}"]), encoding="utf-8")


def _inserted(text: str, benchmark: str, block: str) -> str:
    """The text with a new block after the last one of the benchmark, or after its marker."""
    lines = text.rstrip("\n").split("\n")
    starts = (f"<!-- end of {benchmark}: ", f"<!-- {benchmark} -->")
    places = [number for number, line in enumerate(lines) if line.startswith(starts)]
    place = places[-1] + 1 if places else len(lines)
    return "\n".join([*lines[:place], "", block, *lines[place:]]) + "\n"
