"""Related rows that are read when they are gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import models
from django.db.models.signals import post_delete

from signal_monitor.finding import Finding
from signal_monitor.findings.argument_use import managers_read
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveConnection, LiveSignal, connections
from signal_monitor.findings.own import is_own
from signal_monitor.findings.related import is_model, meta
from signal_monitor.findings.sources import function_at
from signal_monitor.findings.wording import named

WRITERS = frozenset(f"{prefix}{name}" for prefix in ("", "a") for name in ("add", "set", "remove", "clear", "create"))


class RelatedGone(RegistryRule):
    """A receiver of post_delete reads rows that were deleted first."""

    code = "W116"
    name = "related-gone"
    title = "Related rows that are read when they are gone"
    kind = "Too late"
    what = (
        "Django deletes the rows that refer to an object before the object itself, and those of many-to-many fields, "
        "or clears their foreign keys. `post_delete` is sent after that."
    )
    remedy = (
        "Read them in a receiver of `pre_delete`, and keep what is needed on `instance`; do the work in `post_delete` "
        "or in `transaction.on_commit()`."
    )
    sketch = (
        "-@receiver(post_delete, sender=Order)",
        "-def {receiver}(sender, instance, **kwargs):",
        "-    notify(instance.lines.all())",
        "+@receiver(pre_delete, sender=Order)",
        "+def {receiver}(sender, instance, **kwargs):",
        "+    lines = list(instance.lines.all())",
        "+    transaction.on_commit(lambda: notify(lines))",
    )
    minimum = (
        "One of the project's receivers of `post_delete` for a model whose source reads related rows of `instance`, "
        "with `on_delete=CASCADE`, `SET_NULL`, `SET_DEFAULT` or `SET()`, a `GenericRelation` or a many-to-many field."
    )
    innocent = "`pre_delete`; the object that `instance` itself refers to; rows with `on_delete=DO_NOTHING`."

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        for connection in connections(signals):
            if connection.signal is post_delete and is_own(connection.path) and is_model(connection.sender):
                gone = dict(_gone(connection.sender))
                for name in sorted(_read(connection) & gone.keys()):
                    yield self._finding(connection, f"{connection.sender.__name__}.{name}", gone[name])

    def _finding(self, connection: LiveConnection, field: str, fate: str) -> Finding:
        message = f"{named(connection.name, connection.path, connection.line)} reads `{field}` and finds nothing: when "
        message += f"`post_delete` is sent, {fate}."
        where = {"path": connection.path, "line": connection.line}
        return self.finding("receiver", connection.name, message, detail=field, **where)


def _read(connection: LiveConnection) -> set[str]:
    function = function_at(connection.path, connection.line)
    return managers_read(function, "instance", WRITERS) if function is not None else set()


def _gone(model: type[models.Model]) -> Iterator[tuple[str, str]]:
    """The related rows of a model that are gone before ``post_delete``: their attribute, and what became of them."""
    for field in meta(model).get_fields():
        remote: Any = getattr(field, "remote_field", None)
        if field.one_to_many and getattr(field, "bulk_related_objects", None) is not None:
            yield str(field.name), f"the rows of `{field.related_model.__name__}` are deleted already"
            continue
        if field.many_to_many and remote is not None:
            if isinstance(field, models.ManyToManyField):
                yield field.name, "its rows are deleted already"
            elif isinstance(field, models.ManyToManyRel):  # a package's field may be neither
                yield str(field.get_accessor_name()), "its rows are deleted already"
        elif field.one_to_many and field.auto_created and (fate := _fate(field.on_delete)):
            yield str(field.get_accessor_name()), f"the rows of `{field.related_model.__name__}` {fate}"


def _fate(on_delete: Any) -> str:  # noqa: ANN401 - a function
    if on_delete is models.CASCADE:
        return "are deleted already"
    is_set = on_delete in {models.SET_NULL, models.SET_DEFAULT} or getattr(on_delete, "lazy_sub_objs", False)
    return "do not refer to it any more" if is_set else ""
