"""A receiver for all models that turns off fast deletes."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DEFAULT_DB_ALIAS, models
from django.db.models.deletion import Collector

from signal_monitor.database_records import BulkOperation
from signal_monitor.finding import Finding
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_own
from signal_monitor.findings.related import has_label, model_labelled
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import listed, named_call, place, short
from signal_monitor.records import ReceiverCall

DELETE_SIGNALS = ("django.db.models.signals.pre_delete", "django.db.models.signals.post_delete")
LEAST_ROWS = 100


class FastDeletes(RecordRule):
    """Rows are loaded only so that a signal can be sent for each."""

    code = "R231"
    name = "turns-fast-deletes-off"
    title = "A receiver that turns fast deletes off"
    kind = "Queries"
    what = (
        "Without a receiver of `pre_delete` and `post_delete`, Django deletes the rows of a model that nothing depends "
        "on with one query. With one, it loads them all, and sends the signal for each."
    )
    remedy = "Connect the receiver with the models that it is for, and with no others."
    sketch = (
        "-@receiver(post_delete)",
        "+@receiver(post_delete, sender=Order)",
        " def {receiver}(sender, instance, **kwargs): ...",
    )
    minimum = (
        "A `delete()` of 100 rows or more of a model without cascades and parents, which loaded them for receivers of "
        "the project's that are connected for all models."
    )
    innocent = (
        "Models with cascades, which never had a fast delete to lose, such as those of many-to-many fields; a few "
        "rows; a model with a receiver of its own, or of a package, which needs the rows anyway."
    )

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for row in snapshot.bulk_operations:
            model = model_labelled(row.model)
            if row.operation == "delete" and row.rows >= LEAST_ROWS * max(1, row.calls) and _loses(model):
                calls = _called_for(snapshot, row)
                if calls:
                    yield self._finding(row, calls)

    def _finding(self, row: BulkOperation, calls: dict[str, ReceiverCall]) -> Finding:
        first = next(iter(calls.values()))
        message = (
            f"`delete()` at {place(row.path, row.line)} loaded {row.rows:,} rows of `{short(row.model)}`, only to "
        )
        message += f"send a signal for each to {listed([named_call(call) for call in calls.values()])}. Without "
        message += f"{'it' if len(calls) == 1 else 'them'}, one query would delete the rows."
        return self.finding(
            "receiver",
            first.receiver,
            message,
            detail=f"{row.model} {row.path} {row.function}",
            path=first.path,
            line=first.line,
            first_seen=row.first_at,
            last_seen=row.last_at,
            count=row.calls,
        )


class _WithoutReceivers(Collector):
    """A collector that takes no notice of receivers."""

    def _has_signal_listeners(self, _model: type[models.Model]) -> bool:
        return False


def _loses(model: type[models.Model] | None) -> bool:
    """Whether Django would delete the rows of a model with one query, but for the receivers."""
    if model is None:
        return False
    return _WithoutReceivers(using=DEFAULT_DB_ALIAS).can_fast_delete(model._base_manager.none())  # noqa: SLF001 - documented


def _called_for(snapshot: Snapshot, row: BulkOperation) -> dict[str, ReceiverCall]:
    """The receivers that were called for the rows; none if one of them is meant for this model, or is a package's."""
    called = {
        call.receiver: call
        for dispatch in snapshot.dispatches
        if dispatch.signal in DELETE_SIGNALS and has_label(dispatch.sender, row.model)
        for call in dispatch.calls
    }
    are_own = all(is_own(call.path) for call in called.values())
    return called if are_own and called.keys().isdisjoint(_meant(snapshot, row)) else {}


def _meant(snapshot: Snapshot, row: BulkOperation) -> Iterator[str]:
    """The receivers that are connected for the model itself."""
    for registry in snapshot.registries:
        for signal in registry.signals:
            if signal.name in DELETE_SIGNALS:
                yield from (each.receiver for each in signal.connections if has_label(each.sender, row.model))
