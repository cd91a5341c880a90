"""``signals tail``: dispatches as they end, in any process of this host."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from dataclasses import replace

from signal_monitor.cli import connected
from signal_monitor.cli.base import OK, Options, Subcommand
from signal_monitor.cli.names import unknown
from signal_monitor.cli.numbers import positive, whole
from signal_monitor.cli.output import Cell, Output
from signal_monitor.cli.places import place
from signal_monitor.cli.reading import store_to_read
from signal_monitor.cli.wording import call_label, dispatch_label, style_of
from signal_monitor.dashboard.formatting import clock, duration
from signal_monitor.dashboard.serializers import dispatch_json
from signal_monitor.records import Dispatch, SubjectKind
from signal_monitor.stores.base import Store
from signal_monitor.stores.filters import DispatchFilter, matches

FIRST = 10
MOST_AT_ONCE = 1_000
OVERLAP_SECONDS = 15.0
"""How late a dispatch may be written after its end: nested ones wait for the outermost."""


class Tail(Subcommand):
    """Prints the last dispatches, and then each that ends."""

    name = "tail"
    help = "Print dispatches as they end, in any process of this host, until Ctrl-C."
    examples = ("tail --slow", "tail --failed --signal post_save", "tail --once 20 --receiver send_mail")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--slow", action="store_true", help="only slow dispatches")
        parser.add_argument("--failed", action="store_true", help="only those in which a receiver raised")
        parser.add_argument("--signal", default="", help="only signals with this in their name; * matches anything")
        parser.add_argument("--receiver", default="", help="only receivers with this in their name; * matches anything")
        parser.add_argument(
            "--all", action="store_true", help="request_started and request_finished of every request too"
        )
        parser.add_argument("--once", type=whole, metavar="N", help="print the last N that match, and end")
        parser.add_argument("--interval", type=positive, default=0.5, help="seconds between two looks (0.5)")

    def handle(self, options: Options, out: Output) -> int:
        store = store_to_read()
        where = _filter(options)
        _check_names(store, options)
        if options["once"]:
            print_dispatches(reversed(store.dispatches(where, options["once"])), out)
            return OK
        for found in follow(store, where, options["interval"]):
            print_dispatches(found, out)
        return OK


def _filter(options: Options) -> DispatchFilter:
    """What to print; without the signals of every request, unless a name or ``--all`` asks for them."""
    signal, receiver = options["signal"], options["receiver"]
    return DispatchFilter(
        signal=_typed(signal),
        receiver=_typed(receiver),
        slow=options["slow"],
        failed=options["failed"],
        without_request_signals=not (options["all"] or signal or receiver),
    )


def _typed(pattern: str) -> str:
    """A pattern with a ``*`` as a person types it: without the modules before the name."""
    return f"*{pattern}" if "*" in (pattern or "") else pattern


def _check_names(store: Store, options: Options) -> None:
    """Fail if there is no such signal or receiver, neither connected here nor in the store."""
    signals = connected.connected_signals()
    here = {"signal": [signal.name for signal in signals], "receiver": connected.receiver_names(signals)}
    kinds: tuple[SubjectKind, ...] = ("signal", "receiver")
    for kind in kinds:
        wanted, known = options[kind], [*here[kind], *(row.key for row in store.totals(kind))]
        if wanted and not any(matches(_typed(wanted), name) for name in known):
            raise unknown(kind, wanted, known, "Run `manage.py signals list` for all.")


def follow(store: Store, where: DispatchFilter, interval: float) -> Iterator[list[Dispatch]]:
    """The last dispatches that match, then, for ever, those that are new; each once, in the order of their start."""
    newest = store.dispatches(where, FIRST)
    # What had ended before is not new; it may be more than was shown.
    seen = dict.fromkeys(dispatch.id for dispatch in _recent(store, where))
    yield newest[::-1]
    cursor = store.cursor()
    while True:
        time.sleep(interval)
        if (now := store.cursor()) == cursor:
            continue
        cursor = now
        recent = _recent(store, where)
        fresh = [dispatch for dispatch in recent if dispatch.id not in seen]
        seen = dict.fromkeys(dispatch.id for dispatch in recent)
        if fresh:
            yield sorted(fresh, key=lambda dispatch: (dispatch.started_at, dispatch.depth))


def _recent(store: Store, where: DispatchFilter) -> list[Dispatch]:
    return store.dispatches(replace(where, ended_since=time.time() - OVERLAP_SECONDS), MOST_AT_ONCE)


def print_dispatches(dispatches: Iterable[Dispatch], out: Output) -> None:
    """Print dispatches: one line each, and one for each of their receivers."""
    for dispatch in dispatches:
        if out.as_json:
            out.json_line(dispatch_json(dispatch))
            continue
        label, indent = dispatch_label(dispatch), "  " * dispatch.depth
        out.line(
            Cell(clock(dispatch.started_at), "muted"),
            f" {duration(dispatch.duration_ns):>9} {indent}",
            Cell(dispatch.signal, "bold"),
            f" from {dispatch.sender} ",
            Cell("" if label == "ok" else label, style_of(dispatch.outcome, dispatch.severity)),
            Cell(f" {dispatch.id}", "muted"),
        )
        for call in dispatch.calls:
            told = call_label(call)
            out.line(
                f"{'':12} {duration(call.duration_ns):>9} {indent}  {call.receiver} ",
                Cell(told, style_of(call.outcome, call.severity)),
                Cell(f" {place(call.path, call.line)}", "muted"),
            )
