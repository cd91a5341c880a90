"""``signals list --model``: what runs when an object of a model is made, saved, deleted or related to others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.db.models import Model

from signal_monitor import names
from signal_monitor.cli import connected
from signal_monitor.cli.base import failure
from signal_monitor.cli.names import matching, unknown
from signal_monitor.cli.output import Cell, Output
from signal_monitor.cli.places import place
from signal_monitor.cli.reading import why_nothing_is_stored
from signal_monitor.dashboard.fires import SeenCalls, Sent, SetOff, seen_json, typical_json
from signal_monitor.dashboard.formatting import duration
from signal_monitor.registry.live import UNKNOWN, LiveConnection, LiveSignal
from signal_monitor.registry.model_steps import model_steps, options_of
from signal_monitor.scrubbing import scrub
from signal_monitor.stores import get_store

Run = tuple[LiveConnection, SetOff | None]
"""A receiver that runs, and what it was seen to set off; None if nothing is stored."""
Runs = list[tuple[str, list[Run]]]


def print_model(label: str, signals: Sequence[LiveSignal], out: Output) -> None:
    """Print what runs, in order."""
    if out.as_json:
        out.json(model_json(label, signals))
        return
    model = find_model(label)
    out.line(Cell(options_of(model).label, "bold"))
    for when, runs in runs_of(model, signals):
        out.line()
        out.line(when, Cell("" if runs else ": nothing", "muted"))
        if runs:
            rows = [
                row
                for number, (connection, set_off) in enumerate(runs, 1)
                for row in (
                    [f"{number}.", *connected.row(connection, signal=True), _typical(set_off)],
                    *_sent_rows(set_off, frozenset({connection.name})),
                )
            ]
            out.table([""] * len(rows[0]), rows, right=(0,), indent=2)


def _typical(set_off: SetOff | None) -> Cell:
    if set_off is None or set_off.typical_ns is None:
        return Cell("")
    return Cell(f"{duration(set_off.typical_ns)} itself", "muted")


def _sent_rows(set_off: SetOff | None, above: frozenset[str], depth: int = 1) -> Iterator[list[Cell | str]]:
    """What a receiver was seen to send, and what ran then, as rows below it.

    What a receiver sends that is ``above`` itself is not listed again.
    """
    for sent in set_off.sent if set_off is not None else ():
        yield ["", *_sent_row(sent, depth), "", Cell(_share(sent, set_off), "muted")]
        for inner in sent.receivers:
            where = Cell(place(inner.path, inner.line), "muted")
            is_again = inner.receiver in above
            facts = Cell("again, as above", "warn") if is_again else _typical(inner)
            yield ["", "", f"{_indent(depth)}{inner.receiver}", "", where, "", facts]
            yield from () if is_again else _sent_rows(inner, above | {inner.receiver}, depth + 1)


def _sent_row(sent: Sent, depth: int) -> list[Cell | str]:
    where = Cell(place(sent.site.path, sent.site.line) if sent.site else "", "muted")
    return [f"{_indent(depth)}sends {sent.signal}", "", sent.sender, where]


def _share(sent: Sent, set_off: SetOff | None) -> str:
    return f"in {sent.times} of {set_off.followed} calls" if set_off is not None else ""


def _indent(depth: int) -> str:
    return "  " * depth


def model_json(label: str, signals: Sequence[LiveSignal]) -> dict[str, Any]:
    """The same as JSON."""
    model = find_model(label)
    return {
        "model": options_of(model).label,
        "steps": [
            {"when": when, "receivers": [_run_json(*run) for run in runs]} for when, runs in runs_of(model, signals)
        ],
    }


def _run_json(connection: LiveConnection, set_off: SetOff | None) -> dict[str, Any]:
    seen = {"typical_ms": typical_json(set_off), **seen_json(set_off)} if set_off is not None else {}
    return {"signal": connection.signal_name, **connected.connection_json(connection), **seen}


def find_model(label: str) -> type[Model]:
    """The model with a label, or the only one with a part of it; an error with the labels like it."""
    models = {options_of(model).label: model for model in apps.get_models(include_auto_created=True)}
    found = matching(label, models)
    if len(found) == 1:
        return models[found[0]]
    if found:
        raise failure(f"Several models match {label!r}: {', '.join(found)}.")
    raise unknown("model", label, models, "Name it as app_label.Model.")


def runs_of(model: type[Model], signals: Sequence[LiveSignal]) -> Runs:
    """The steps in the life of an object, each with the receivers that run in it, in order."""
    by_id = {id(signal.signal): signal for signal in signals}
    seen = _seen_calls()

    def run(connection: LiveConnection, sender: type[Model]) -> Run:
        if seen is None:
            return connection, None
        return connection, seen.of(connection.name, connection.signal_name, scrub(names.sender_name(sender)))

    return [
        (
            step.when,
            [
                run(each, sender)
                for signal, sender in step.sends
                if id(signal) in by_id
                for each in by_id[id(signal)].connections
                if _runs(each, sender)
            ],
        )
        for step in model_steps(model)
    ]


def _seen_calls() -> SeenCalls | None:
    """What is stored of calls; None if nothing is."""
    if why_nothing_is_stored():
        return None
    store = get_store()
    return SeenCalls(store, store.totals("receiver"))


def _runs(connection: LiveConnection, sender: type[Model]) -> bool:
    """Whether a receiver runs for a sender; one whose sender is not known may."""
    return (
        not connection.dead
        and not connection.pending
        and (connection.sender is None or connection.sender is sender or connection.sender is UNKNOWN)
    )
