"""Rows that the database deletes, so that Django sends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import models
from django.db.models.signals import post_delete, pre_delete

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveSignal, connections
from signal_monitor.findings.own import is_own
from signal_monitor.findings.related import is_model, is_one_of, meta
from signal_monitor.findings.wording import named, short

DB_CASCADE = getattr(models, "DB_CASCADE", None)
"""New in Django 6.1."""


class DatabaseCascade(RegistryRule):
    """A receiver of deletes, and a foreign key whose rows the database deletes."""

    code = "W121"
    name = "database-cascade"
    title = "Rows that the database deletes without a signal"
    kind = "Never runs"
    what = (
        "With `on_delete=DB_CASCADE`, the database deletes the rows, and Django neither loads them nor sends a signal."
    )
    remedy = (
        "Use `on_delete=CASCADE`, with which Django deletes the rows; or do the receiver's work in a receiver of the "
        "model that the foreign key refers to."
    )
    sketch = (
        " class Line(models.Model):",
        "-    order = models.ForeignKey(Order, models.DB_CASCADE)",
        "+    order = models.ForeignKey(Order, models.CASCADE)",
    )
    minimum = (
        "One of the project's receivers of `pre_delete` or `post_delete` for a model with a foreign key with "
        "`on_delete=DB_CASCADE` (Django 6.1 and later)."
    )
    innocent = "`CASCADE`; receivers of the model that the foreign key refers to."

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        for connection in connections(signals) if DB_CASCADE is not None else ():
            sender = connection.sender
            if not is_one_of(connection.signal, (pre_delete, post_delete)) or not is_own(connection.path):
                continue
            if not is_model(sender):
                continue
            for field in meta(sender).concrete_fields:
                if field.remote_field is not None and field.remote_field.on_delete is DB_CASCADE:
                    model, other = meta(sender).object_name, field.related_model.__name__
                    message = f"{named(connection.name, connection.path, connection.line)} does not run for rows of "
                    message += f"`{model}` that go with their `{other}`: `{model}.{field.name}` has "
                    message += (
                        f"`on_delete=DB_CASCADE`, and for these Django sends no `{short(connection.signal_name)}`."
                    )
                    where = {"path": connection.path, "line": connection.line}
                    detail = f"{connection.signal_name} {model}.{field.name}"
                    yield self.finding("receiver", connection.name, message, detail=detail, **where)
