"""A receiver that reads what a later one sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from django.db.models.signals import pre_save

from signal_monitor.finding import Finding
from signal_monitor.findings.argument_use import attributes
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveConnection, LiveSignal, connections
from signal_monitor.findings.own import is_own
from signal_monitor.findings.related import is_model, meta
from signal_monitor.findings.sources import function_at
from signal_monitor.findings.wording import named

INSTANCE = "instance"


class ReadBeforeSet(RegistryRule):
    """Of two receivers of pre_save, the first reads a field that the second assigns."""

    code = "W109"
    name = "read-before-set"
    title = "A receiver reads a field before another one sets it"
    level = "hint"
    certain = False
    what = "Receivers run in the order in which they were connected, which is the order of imports."
    remedy = "Write one receiver that calls both functions, in the right order."
    sketch = (
        "-@receiver(pre_save, sender=Claim)",
        " def assign(instance): ...",
        "-@receiver(pre_save, sender=Claim)",
        " def grade(instance): ...",
        "+@receiver(pre_save, sender=Claim)",
        "+def prepare(sender, instance, **kwargs):",
        "+    grade(instance)",
        "+    assign(instance)",
    )
    minimum = "Two of the project's receivers of `pre_save` for one model, by their source."
    innocent = (
        "A receiver that wants the old value. Reading the source cannot tell, and nothing cheap can at run time, so "
        "that it stays a hint."
    )

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        for signal in signals:
            if signal.signal is pre_save:
                rows = [each for each in connections([signal]) if is_own(each.path)]
                for earlier, later in combinations(rows, 2):
                    if earlier.sender is later.sender:
                        yield from self._found(earlier, later)

    def _found(self, earlier: LiveConnection, later: LiveConnection) -> Iterator[Finding]:
        sender = later.sender
        if not is_model(sender):
            return
        fields = {field.name for field in meta(sender).get_fields()}
        read, set_early = _attributes(earlier)
        _, set_late = _attributes(later)
        for name in sorted((read - set_early) & set_late & fields):
            message = f"{named(earlier.name, earlier.path, earlier.line)} reads `{sender.__name__}.{name}` before "
            message += f"{named(later.name, later.path, later.line)} sets it: they run in the order in which they were "
            message += "connected."
            where = {"path": earlier.path, "line": earlier.line}
            yield self.finding("receiver", earlier.name, message, detail=f"{name} {later.name}", **where)


def _attributes(connection: LiveConnection) -> tuple[set[str], set[str]]:
    function = function_at(connection.path, connection.line)
    return attributes(function, INSTANCE) if function is not None else (set(), set())
