"""``signals list``: what is connected in this process."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from signal_monitor.cli import connected
from signal_monitor.cli.base import OK, Options, Subcommand
from signal_monitor.cli.model import print_model
from signal_monitor.cli.names import matching, unknown
from signal_monitor.cli.output import Cell, Output
from signal_monitor.findings.wording import plural
from signal_monitor.registry.live import LiveConnection, LiveSignal

GROUPS: Mapping[str, Callable[[LiveConnection], str]] = {
    "app": lambda each: each.app or "(no installed app)",
    "model": lambda each: each.sender_name or connected.ANY,
}


class List(Subcommand):
    """Lists signals with their receivers in the order of the calls."""

    name = "list"
    help = "List the receivers that are connected, in the order in which they are called."
    examples = (
        "list --by app",
        "list --model shop.Order",
        "list --receiver send_mail",
        "list --format json > before.json",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--by", choices=("signal", *GROUPS), default="signal", help="group by this (signal)")
        parser.add_argument("--model", help="what runs when an object of this model is saved or deleted: shop.Order")
        parser.add_argument("--signal", help="only signals with this in their name")
        parser.add_argument("--receiver", help="only receivers with this in their name")
        parser.add_argument("--app", help="only receivers of this app")

    def handle(self, options: Options, out: Output) -> int:
        signals = connected.connected_signals()
        if options["model"]:
            print_model(options["model"], signals, out)
            return OK
        shown = select(signals, options)
        if out.as_json:
            out.json({"signals": [connected.signal_json(signal) for signal in shown]})
        elif options["by"] == "signal":
            _print_by_signal(shown, out)
        else:
            _print_grouped(connected.all_connections(shown), options["by"], out)
        return OK


def select(signals: Sequence[LiveSignal], options: Options) -> list[LiveSignal]:
    """What the options ask for; an error if there is no such signal, receiver or app."""
    remedy = "Run `manage.py signals list` for all."
    names = {
        "signal": [signal.name for signal in signals],
        "receiver": connected.receiver_names(signals),
        "app": sorted({each.app for each in connected.all_connections(signals) if each.app}),
    }
    for kind, known in names.items():
        if wanted := options[kind]:
            found = set(matching(wanted, known))
            if not found:
                raise unknown(f"{kind} with receivers" if kind != "receiver" else kind, wanted, known, remedy)
            signals = _only(signals, kind, found)
    return list(signals)


def _only(signals: Iterable[LiveSignal], kind: str, names: set[str]) -> list[LiveSignal]:
    """The signals with those connections that have such a name."""
    attribute = {"signal": "signal_name", "receiver": "name", "app": "app"}[kind]
    kept = [
        replace(signal, connections=tuple(each for each in signal.connections if getattr(each, attribute) in names))
        for signal in signals
    ]
    return [signal for signal in kept if signal.connections]


def _print_by_signal(signals: Sequence[LiveSignal], out: Output) -> None:
    for signal in signals:
        out.line(Cell(signal.name, "bold"))
        out.table(("", "", "", ""), [connected.row(each) for each in signal.connections], indent=2)
        out.line()
    count = sum(len(signal.connections) for signal in signals)
    out.line(Cell(f"{plural(count, 'receiver')} of {plural(len(signals), 'signal')} in this process.", "muted"))


def _print_grouped(connections: Iterable[LiveConnection], by: str, out: Output) -> None:
    groups: dict[str, list[LiveConnection]] = defaultdict(list)
    for connection in connections:
        groups[GROUPS[by](connection)].append(connection)
    for name, members in sorted(groups.items()):
        out.line(Cell(name, "bold"))
        rows = [connected.row(each, signal=True, sender=by != "model") for each in members]
        out.table([""] * len(rows[0]), rows, indent=2)
        out.line()
