"""What Django sends when an object of a model is made, saved, deleted or related to others: signals and senders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, get_args

from django.db.models import ManyToManyRel, Model
from django.db.models.options import Options
from django.db.models.signals import m2m_changed, post_delete, post_init, post_save, pre_delete, pre_init, pre_save
from django.dispatch import Signal

Action = Literal["created", "saved", "deleted", "changed"]
ACTIONS: Sequence[Action] = get_args(Action)
Send = tuple[Signal, type[Model]]
"""A signal and the sender with which Django sends it."""
MADE = "made, or read from the database"
WHEN_MADE: tuple[Signal, ...] = (pre_init, post_init)
WHEN_SAVED: tuple[Signal, ...] = (pre_save, post_save)
WHEN_DELETED: tuple[Signal, ...] = (pre_delete, post_delete)


class ModelStep(NamedTuple):
    """A step in the life of an object; ``actions`` are those to which it belongs."""

    when: str
    actions: tuple[Action, ...]
    sends: tuple[Send, ...]


def model_steps(model: type[Model]) -> list[ModelStep]:
    """The steps in the life of an object, each with what Django sends in it, in order."""
    return [
        ModelStep(MADE, ("created",), _sends(WHEN_MADE, [model])),
        ModelStep("saved", ("created", "saved"), _sends(WHEN_SAVED, [model])),
        # A multi-table child is deleted with its parents, each of which sends the signals; it is saved without these.
        ModelStep("deleted", ("deleted",), _sends(WHEN_DELETED, [model, *_parents(model)])),
        *(
            ModelStep(f"{name} changed", ("changed",), ((m2m_changed, through),))
            for name, through in _many_to_many(model)
        ),
    ]


def options_of(model: type[Model]) -> Options[Model]:
    """The options of a model."""
    return model._meta  # noqa: SLF001 - Django documents it


def _sends(signals: Iterable[Signal], senders: Iterable[type[Model]]) -> tuple[Send, ...]:
    return tuple((signal, sender) for signal in signals for sender in senders)


def _parents(model: type[Model]) -> list[type[Model]]:
    """The models with tables of their own that a model extends; a proxy has those of the model that it stands for."""
    return list(options_of(options_of(model).concrete_model or model).all_parents)


def _many_to_many(model: type[Model]) -> Iterator[tuple[str, type[Model]]]:
    """The names of relations to many objects, from both sides, with their through models."""
    for field in options_of(model).many_to_many:
        if (through := field.remote_field.through) is not None:
            yield field.name, through
    for relation in options_of(model).related_objects:
        if isinstance(relation, ManyToManyRel) and (name := relation.get_accessor_name()) and relation.through:
            yield name, relation.through
