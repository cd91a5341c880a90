"""``signals list --model``: what runs when an object of a model is made, saved, deleted or related to others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.db.models import ManyToManyRel, Model
from django.db.models.options import Options
from django.db.models.signals import m2m_changed, post_delete, post_init, post_save, pre_delete, pre_init, pre_save
from django.dispatch import Signal

from signal_monitor.cli import connected
from signal_monitor.cli.base import failure
from signal_monitor.cli.names import matching, unknown
from signal_monitor.cli.output import Cell, Output
from signal_monitor.registry.live import UNKNOWN, LiveConnection, LiveSignal

Steps = list[tuple[str, list[LiveConnection]]]
WHEN_MADE: tuple[Signal, ...] = (pre_init, post_init)
WHEN_SAVED: tuple[Signal, ...] = (pre_save, post_save)
WHEN_DELETED: tuple[Signal, ...] = (pre_delete, post_delete)


def print_model(label: str, signals: Sequence[LiveSignal], out: Output) -> None:
    """Print what runs, in order."""
    if out.as_json:
        out.json(model_json(label, signals))
        return
    model = find_model(label)
    out.line(Cell(options_of(model).label, "bold"))
    for when, connections in model_steps(model, signals):
        out.line()
        out.line(when, Cell("" if connections else ": nothing", "muted"))
        if connections:
            rows = [[f"{number}.", *connected.row(each, signal=True)] for number, each in enumerate(connections, 1)]
            out.table([""] * len(rows[0]), rows, right=(0,), indent=2)


def model_json(label: str, signals: Sequence[LiveSignal]) -> dict[str, Any]:
    """The same as JSON."""
    model = find_model(label)
    return {
        "model": options_of(model).label,
        "steps": [
            {
                "when": when,
                "receivers": [{"signal": each.signal_name, **connected.connection_json(each)} for each in connections],
            }
            for when, connections in model_steps(model, signals)
        ],
    }


def find_model(label: str) -> type[Model]:
    """The model with a label, or the only one with a part of it; an error with the labels like it."""
    models = {options_of(model).label: model for model in apps.get_models(include_auto_created=True)}
    found = matching(label, models)
    if len(found) == 1:
        return models[found[0]]
    if found:
        raise failure(f"Several models match {label!r}: {', '.join(found)}.")
    raise unknown("model", label, models, "Name it as app_label.Model.")


def model_steps(model: type[Model], signals: Sequence[LiveSignal]) -> Steps:
    """The steps in the life of an object, each with the receivers that run in it, in order."""
    by_id = {id(signal.signal): signal for signal in signals}

    def receivers(wanted: Sequence[Signal], *senders: type[Model]) -> list[LiveConnection]:
        live = [by_id[id(signal)] for signal in wanted if id(signal) in by_id]
        return [each for signal in live for sender in senders for each in signal.connections if _runs(each, sender)]

    return [
        ("made, or read from the database", receivers(WHEN_MADE, model)),
        ("saved", receivers(WHEN_SAVED, model)),
        # A multi-table child is deleted with its parents, each of which sends the signals; it is saved without these.
        ("deleted", receivers(WHEN_DELETED, model, *_parents(model))),
        *((f"{name} changed", receivers((m2m_changed,), through)) for name, through in _many_to_many(model)),
    ]


def options_of(model: type[Model]) -> Options[Model]:
    """The options of a model."""
    return model._meta  # noqa: SLF001 - Django documents it


def _parents(model: type[Model]) -> list[type[Model]]:
    """The models with tables of their own that a model extends; a proxy has those of the model that it stands for."""
    return list(options_of(options_of(model).concrete_model or model).all_parents)


def _runs(connection: LiveConnection, sender: type[Model]) -> bool:
    """Whether a receiver runs for a sender; one whose sender is not known may."""
    return (
        not connection.dead
        and not connection.pending
        and (connection.sender is None or connection.sender is sender or connection.sender is UNKNOWN)
    )


def _many_to_many(model: type[Model]) -> Iterator[tuple[str, type[Model]]]:
    """The names of relations to many objects, from both sides, with their through models."""
    for field in options_of(model).many_to_many:
        if (through := field.remote_field.through) is not None:
            yield field.name, through
    for relation in options_of(model).related_objects:
        if isinstance(relation, ManyToManyRel) and (name := relation.get_accessor_name()) and relation.through:
            yield name, relation.through
