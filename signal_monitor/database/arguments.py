"""Reads the arguments of Django's model signals: exact types only, and no value of a field but a hash of the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from signal_monitor.database_records import ModelArguments
from signal_monitor.errors import guarded
from signal_monitor.text import cleaned

NAMES = ("pre_save", "post_save", "pre_delete", "post_delete")
SIGNALS = frozenset(f"django.db.models.signals.{name}" for name in NAMES)
_KEY_TYPES = (int, str, UUID)
_FIELD_TYPES = (frozenset, tuple, list, set)
MAX_FIELDS = 20


class RawArguments(NamedTuple):
    """What was read of the arguments of one dispatch."""

    created: bool | None
    raw: bool | None
    using: str | None
    update_fields: tuple[str, ...] | None
    row: int | None


@guarded("the arguments of a signal", None, in_send=True)
def read_arguments(named: Mapping[str, Any]) -> RawArguments:
    """Read the arguments of a dispatch; nothing of them is kept."""
    created, raw, using = named.get("created"), named.get("raw"), named.get("using")
    return RawArguments(
        created if type(created) is bool else None,
        raw if type(raw) is bool else None,
        using if type(using) is str else None,
        _fields(named.get("update_fields")),
        _row(named.get("instance")),
    )


def _fields(found: Any) -> tuple[str, ...] | None:  # noqa: ANN401
    if type(found) not in _FIELD_TYPES or len(found) > MAX_FIELDS or any(type(name) is not str for name in found):
        return None
    return tuple(found)


def _row(instance: object) -> int | None:
    """A hash of a row's model and primary key, which is read without calling the model's code."""
    meta = type.__getattribute__(type(instance), "_meta")
    value = object.__getattribute__(instance, "__dict__").get(meta.pk.attname)
    return hash((meta.label, value)) if type(value) in _KEY_TYPES else None


def arguments_record(raw: RawArguments | None) -> ModelArguments | None:
    """The record of what was read."""
    if raw is None:
        return None
    return ModelArguments(
        created=raw.created,
        raw=raw.raw,
        using=None if raw.using is None else cleaned(raw.using),
        update_fields=None if raw.update_fields is None else tuple(sorted(map(cleaned, raw.update_fields))),
        row=None if raw.row is None else f"{raw.row & 0xFFFF_FFFF_FFFF_FFFF:016x}",
    )
