"""The signals of this process, and the classes that may be their senders."""

from __future__ import annotations

import gc
from collections.abc import Collection

from django.apps import AppConfig, apps
from django.db.models import Model
from django.dispatch import Signal

from signal_monitor.instrumentation.info import known_signals


def find_signals() -> list[Signal]:
    """Every signal that there is, whoever holds it."""
    found = {id(each): each for each in gc.get_referrers(*_classes(Signal)) if issubclass(type(each), Signal)}
    for info in known_signals():
        signal = info.ref()
        if issubclass(type(signal), Signal):
            found[id(signal)] = signal
    return list(found.values())


def _classes(cls: type[Signal]) -> list[type[Signal]]:
    return [cls, *(deeper for subclass in type.__subclasses__(cls) for deeper in _classes(subclass))]


def classes_by_id(wanted: Collection[int]) -> dict[int, object]:
    """The models, classes and app configurations with these ids."""
    if not wanted:
        return {}
    found: dict[int, object] = {id(config): config for config in list(apps.app_configs.values())}
    found |= {id(model): model for models in list(apps.all_models.values()) for model in list(models.values())}
    if all(key in found for key in wanted):
        return {key: found[key] for key in wanted}
    kinds = (type, Model, AppConfig)
    found |= {id(each): each for each in gc.get_objects() if id(each) in wanted and issubclass(type(each), kinds)}
    return {key: found[key] for key in wanted if key in found}
