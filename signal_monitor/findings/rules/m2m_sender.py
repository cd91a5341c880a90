"""m2m_changed that is connected to a model instead of its through model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import models
from django.db.models.signals import m2m_changed

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveConnection, LiveSignal, connections
from signal_monitor.findings.related import is_model, many_to_many_fields, through_models
from signal_monitor.findings.wording import listed, named


class M2mSender(RegistryRule):
    """The sender is a model that is no through model."""

    code = "W101"
    name = "m2m-sender"
    title = "m2m_changed is connected to a model, not to a through model"
    kind = "Never runs"
    level = "error"
    what = (
        "`m2m_changed` is sent by the through model of a field, never by the models that it connects. `add()` and "
        "`set()` do not even send it when nobody listens to the through model."
    )
    remedy = "Connect it with the through model of the field as sender, such as `sender=Pizza.toppings.through`."
    sketch = (
        "-@receiver(m2m_changed, sender=Pizza)",
        "+@receiver(m2m_changed, sender=Pizza.toppings.through)",
        " def {receiver}(sender, instance, action, **kwargs): ...",
    )
    minimum = "The sender is a model, and no field has it as its through model."
    innocent = "A through model, made by Django or by the project; no sender."

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        throughs = list(through_models())
        for connection in connections(signals):
            sender = connection.sender
            if connection.signal is m2m_changed and is_model(sender) and not any(sender is each for each in throughs):
                yield self._finding(connection, sender)

    def _finding(self, connection: LiveConnection, sender: type[models.Model]) -> Finding:
        model = sender.__name__
        fields = [f"`{model}.{field.name}.through`" for field in many_to_many_fields(sender)]
        told = listed(fields) or "the through models of fields"
        message = f"{named(connection.name, connection.path, connection.line)} never runs: it is connected to "
        message += f"`m2m_changed` with `sender={model}`, and `m2m_changed` is sent by {told}."
        senders = " or ".join(f"`sender={field[1:-1]}`" for field in fields)
        advice = f"Connect it with {senders}." if senders else f"`{model}` has no many-to-many field. {self.remedy}"
        where = {"path": connection.path, "line": connection.line}
        return self.finding("receiver", connection.name, message, detail=model, advice=advice, **where)
