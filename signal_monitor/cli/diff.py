"""``signals diff``: what a change connects or disconnects."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, NamedTuple

from signal_monitor.cli import connected
from signal_monitor.cli.base import FOUND, OK, Options, Subcommand, failure
from signal_monitor.cli.output import Cell, Output, Style
from signal_monitor.cli.places import place
from signal_monitor.findings.wording import plural

Json = dict[str, Any]
WATCHED: Mapping[str, Mapping[object, str]] = {
    "weak": {True: "held weakly", False: "held strongly"},
    "is_async": {True: "async", False: "sync"},
    "dead": {True: "gone", False: "alive"},
    "pending": {True: "waits for its model", False: "connected"},
}
"""What of a connection is compared, besides what it connects and in which order."""


class Key(NamedTuple):
    """What makes a connection the same one."""

    signal: str
    receiver: str
    sender: str | None
    dispatch_uid: str | None


@dataclass(frozen=True)
class Difference:
    """A connection that differs, and how: ``kind`` is connected, disconnected, changed or moved."""

    kind: str
    key: Key
    connection: Json
    what: str = ""


STYLES: Mapping[str, tuple[str, Style]] = {
    "connected": ("+", "good"),
    "disconnected": ("-", "bad"),
    "changed": ("~", "warn"),
    "moved": ("~", "warn"),
}


class Diff(Subcommand):
    """Compares what was connected with what is."""

    name = "diff"
    help = "Compare the output of `list --format json` of before with what is connected now."
    found = "something differs"
    examples = ("list --format json > before.json", "diff before.json")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("before", help="a file that `list --format json` has written; - for standard input")

    def handle(self, options: Options, out: Output) -> int:
        now = [connected.signal_json(signal) for signal in connected.connected_signals()]
        found = list(differences(read_before(options["before"]), now))
        if out.as_json:
            out.json({"differences": [_as_json(each) for each in found]})
        else:
            _print(found, out)
        return FOUND if found else OK


def read_before(name: str) -> list[Json]:
    """The signals in a file."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
        signals = json.loads(text)["signals"]
        for signal in signals:
            for connection in signal["connections"]:
                key_of(signal, connection)
    except OSError as error:
        raise failure(f"{name} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        remedy = "Make it with `manage.py signals list --format json > before.json`, without other options."
        raise failure(f"{name} is not a list of signals. {remedy}") from error
    return list(signals)


def key_of(signal: Json, connection: Json) -> Key:
    """What identifies a connection in JSON."""
    return Key(signal["signal"], connection["receiver"], connection["sender"], connection["dispatch_uid"])


def differences(before: Iterable[Json], now: Iterable[Json]) -> Iterator[Difference]:
    """What is connected, disconnected, changed or moved, by signal."""
    old, new = _by_signal(before), _by_signal(now)
    for signal in sorted({*old, *new}):
        yield from _in_signal(old.get(signal, []), new.get(signal, []))


def _by_signal(signals: Iterable[Json]) -> dict[str, list[tuple[Key, Json]]]:
    return {one["signal"]: [(key_of(one, each), each) for each in one["connections"]] for one in signals}


def _in_signal(old: Sequence[tuple[Key, Json]], new: Sequence[tuple[Key, Json]]) -> Iterator[Difference]:
    before, after = _numbered(old), _numbered(new)
    yield from (Difference("disconnected", key[0], each) for key, each in before.items() if key not in after)
    yield from (Difference("connected", key[0], each) for key, each in after.items() if key not in before)
    kept = [key for key in after if key in before]
    for key in kept:
        if what := _changes(before[key], after[key]):
            yield Difference("changed", key[0], after[key], what)
    moved = _moved([key for key in before if key in after], kept)
    yield from (
        Difference("moved", key[0], after[key], _place_in_order(kept, position))
        for position, key in enumerate(kept)
        if key in moved
    )


def _numbered(connections: Sequence[tuple[Key, Json]]) -> dict[tuple[Key, int], Json]:
    """Connections by their keys, and by a number where several have the same key."""
    seen: Counter[Key] = Counter()
    found: dict[tuple[Key, int], Json] = {}
    for key, connection in connections:
        found[key, seen[key]] = connection
        seen[key] += 1
    return found


def _changes(before: Json, now: Json) -> str:
    return ", ".join(
        f"{words[bool(before.get(name))]} -> {words[bool(now.get(name))]}"
        for name, words in WATCHED.items()
        if bool(before.get(name)) != bool(now.get(name))
    )


def _moved(was: Sequence[tuple[Key, int]], now: Sequence[tuple[Key, int]]) -> set[tuple[Key, int]]:
    """The fewest connections that have to move to make one order of the other: those outside the longest common one."""
    if list(was) == list(now):
        return set()
    matcher = SequenceMatcher(None, list(was), list(now), autojunk=False)
    stays = {now[block.b + step] for block in matcher.get_matching_blocks() for step in range(block.size)}
    return set(now) - stays


def _place_in_order(kept: Sequence[tuple[Key, int]], position: int) -> str:
    if position == 0:
        return "called first now"
    return f"called after {kept[position - 1][0].receiver} now"


def _print(found: Sequence[Difference], out: Output) -> None:
    signal = None
    for each in found:
        if each.key.signal != signal:
            signal = each.key.signal
            out.line(Cell(signal, "bold"))
        sign, style = STYLES[each.kind]
        uid = f", dispatch_uid {each.key.dispatch_uid}" if each.key.dispatch_uid is not None else ""
        sender = f" for {each.key.sender or connected.ANY}{uid}"
        where = place(each.connection.get("path"), each.connection.get("line"))
        more = f"  {each.what}" if each.what else ""
        out.line("  ", Cell(f"{sign} {each.key.receiver}", style), sender, more, Cell(f"  {where}", "muted"))
    counts = Counter(each.kind for each in found)
    text = ", ".join(f"{counts[kind]} {kind}" for kind in STYLES if counts[kind])
    out.line(Cell(f"{plural(len(found), 'difference')}: {text}." if found else "Nothing differs.", "bold"))


def _as_json(each: Difference) -> Json:
    return {"kind": each.kind, "signal": each.key.signal, "what": each.what, "connection": each.connection}
