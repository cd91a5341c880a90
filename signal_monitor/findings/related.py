"""Django's signals and what sends them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeGuard

from django.apps import apps
from django.core import signals as core
from django.db import models
from django.db.backends.signals import connection_created
from django.db.models import signals as model_signals
from django.dispatch import Signal

from signal_monitor import names

ROW_SIGNALS = (
    model_signals.pre_save,
    model_signals.post_save,
    model_signals.pre_delete,
    model_signals.post_delete,
)
MODEL_SIGNALS = (*ROW_SIGNALS, model_signals.pre_init, model_signals.post_init, model_signals.m2m_changed)
MIGRATE_SIGNALS = (model_signals.pre_migrate, model_signals.post_migrate)
CLASS_SIGNALS = (core.request_started, core.request_finished, connection_created)
"""The sender is a class: of the handler, or of the connection."""


def is_one_of(signal: Signal, signals: Iterable[Signal]) -> bool:
    """Whether a signal is one of these, by identity."""
    return any(signal is each for each in signals)


def is_model(sender: object) -> TypeGuard[type[models.Model]]:
    """Whether a sender is a model class."""
    return isinstance(type(sender), type) and issubclass(type(sender), type) and issubclass(sender, models.Model)  # type: ignore[arg-type]


def meta(model: type[models.Model]) -> Any:  # noqa: ANN401 - Options, with what is not typed
    """The options of a model."""
    return model._meta  # noqa: SLF001 - Django documents it


def many_to_many_fields(model: type[models.Model]) -> list[Any]:
    """The many-to-many fields that a model has, inherited ones included."""
    return list(meta(model).many_to_many)


def through_models() -> Iterator[type[models.Model]]:
    """The through models of all many-to-many fields."""
    for model in apps.get_models(include_auto_created=True, include_swapped=True):
        for field in many_to_many_fields(model):
            through = getattr(field.remote_field, "through", None)
            if is_model(through):
                yield through


def field_of_through(through: type[models.Model]) -> str:
    """The field for which Django has made a through model: "Pizza.toppings"; "" if it is not found."""
    for model in apps.get_models():
        for field in meta(model).local_many_to_many:
            if getattr(field.remote_field, "through", None) is through:
                return f"{model.__name__}.{field.name}"
    return ""


def model_named(name: str) -> type[models.Model] | None:
    """The model that records name so; None if this process does not have it."""
    return _by_name(len(apps.get_models())).get(name)


def class_named(name: str) -> type | None:
    """The class that records name so: a model, or one that a module of this process has; None if there is none."""
    model = model_named(name)
    module, _, last = name.rpartition(".")
    if model is not None or module not in sys.modules:
        return model
    found = vars(sys.modules[module]).get(last)
    return found if issubclass(type(found), type) else None


@lru_cache(maxsize=1)
def _by_name(_number: int) -> Mapping[str, type[models.Model]]:
    return {names.class_name(model): model for model in apps.get_models(include_auto_created=True)}


def model_labelled(label: str) -> type[models.Model] | None:
    """The model with this label, such as "shop.Product"; None if this process does not have it."""
    app, _, name = label.rpartition(".")
    return apps.all_models.get(app, {}).get(name.lower())


def has_label(sender: str, label: str) -> bool:
    """Whether the name of a sender is that of the model with this label."""
    app, _, name = label.rpartition(".")
    model = model_labelled(label)
    if model is not None:
        return names.class_name(model) == sender
    *modules, last = sender.split(".")
    return last == name and app in modules


def model_of_table(table: str) -> type[models.Model] | None:
    """The model whose rows a table has."""
    return next((model for model in apps.get_models() if meta(model).db_table == table), None)


def concrete_children(model: type[models.Model]) -> list[str]:
    """The names of the models that inherit from an abstract one and have a table."""
    return sorted(each.__name__ for each in apps.get_models() if issubclass(each, model) and each is not model)
