"""Row signals of a through model that Django has made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from django.db import models

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveConnection, LiveSignal, connections
from signal_monitor.findings.related import ROW_SIGNALS, field_of_through, is_model, is_one_of, meta
from signal_monitor.findings.wording import listed, named, short


class ThroughRows(RegistryRule):
    """Rows of an automatic through table send nothing."""

    code = "W102"
    name = "through-rows"
    title = "Rows of an automatic through table send no signals"
    kind = "Never runs"
    level = "error"
    what = "Django writes the rows of a through table that it has made itself in bulk, without `save()` and `delete()`."
    remedy = "Connect the receiver to `m2m_changed` with the same sender, and look at `action`, such as `post_add`."
    sketch = (
        "-@receiver(post_save, sender=Pizza.toppings.through)",
        "-def {receiver}(sender, instance, **kwargs):",
        "+@receiver(m2m_changed, sender=Pizza.toppings.through)",
        "+def {receiver}(sender, instance, action, pk_set, **kwargs):",
        '+    if action == "post_add": ...',
    )
    minimum = "The sender of `pre_save`, `post_save`, `pre_delete` or `post_delete` is a model that Django has made."
    innocent = "A through model that the project declares: `Membership.objects.create()` sends `post_save`."

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        found: dict[tuple[str, int], list[LiveConnection]] = defaultdict(list)
        for connection in connections(signals):
            sender = connection.sender
            if is_one_of(connection.signal, ROW_SIGNALS) and is_model(sender) and meta(sender).auto_created:
                found[connection.name, id(sender)].append(connection)
        for same in found.values():
            sender = same[0].sender
            if is_model(sender):
                yield self._finding(same, sender)

    def _finding(self, same: Sequence[LiveConnection], sender: type[models.Model]) -> Finding:
        first, field = same[0], field_of_through(sender)
        signals = listed([f"`{short(each.signal_name)}`" for each in same], word="or")
        message = f"{named(first.name, first.path, first.line)} never runs: `{sender.__name__}` is made by Django"
        message += (
            f" for `{field}`, and its rows send no {signals}. Changes of `{field.rpartition('.')[2]}` are sent as "
        )
        message += "`m2m_changed`."
        advice = (
            f"`m2m_changed.connect({short(first.name)}, sender={field}.through)`, and look at `action`: `post_add`, "
        )
        advice += "`post_remove` or `post_clear`."
        where = {"path": first.path, "line": first.line}
        return self.finding("receiver", first.name, message, detail=sender.__name__, advice=advice, **where)
