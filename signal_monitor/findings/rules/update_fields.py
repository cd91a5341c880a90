"""A field that pre_save sets and update_fields leaves out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.argument_use import always_sets, attributes
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.conditions import known_conditions
from signal_monitor.findings.own import is_own
from signal_monitor.findings.related import meta, model_named
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.sources import function_at, names_read
from signal_monitor.findings.wording import listed, named_call, place, short
from signal_monitor.records import Dispatch, ReceiverCall

PRE_SAVE = "django.db.models.signals.pre_save"
INSTANCE = "instance"


class UpdateFields(RecordRule):
    """The new value is on the instance and not in the table."""

    code = "R228"
    name = "lost-to-update-fields"
    title = "A field that a receiver sets and the save leaves out"
    kind = "Lost"
    level = "error"
    what = "`save(update_fields=…)` writes the fields that it names. What `pre_save` changes beside them is lost."
    remedy = "Name the field in `update_fields` too, where the row is saved or in the model's `save()`."
    sketch = (
        ' order.state = "paid"',
        '-order.save(update_fields=["state"])',
        '+order.save(update_fields=["state", "paid_at"])  # what the receiver sets, too',
    )
    minimum = (
        "A receiver of `pre_save` that always sets a field from one that was saved, by its source, and a save with "
        "`update_fields` that has the latter only."
    )
    innocent = (
        "`update_last_login`: it saves no field that the receiver reads, so that nothing changes; an attribute that is "
        "no field; a field that is set in an `if` of something else than what was saved."
    )

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[tuple[str, str], list[Call]] = defaultdict(list)
        for dispatch in snapshot.dispatches:
            if dispatch.signal == PRE_SAVE and dispatch.arguments is not None and dispatch.arguments.update_fields:
                for call in dispatch.calls:
                    for name in _lost(dispatch, call):
                        found[call.receiver, name].append((dispatch, call))
        for (receiver, name), calls in found.items():
            yield self._finding(snapshot, receiver, name, calls)

    def _finding(self, snapshot: Snapshot, receiver: str, name: str, calls: Sequence[Call]) -> Finding:
        dispatch, last = calls[-1]
        site = next((each.call_site for each, _call in reversed(calls) if each.call_site is not None), None)
        said = dispatch.arguments.update_fields if dispatch.arguments else ()
        fields = listed([f'"{each}"' for each in said or ()])
        field = f"`{short(dispatch.sender)}.{name}`"
        saves = evidence.of_calls(snapshot, receiver, len(calls), "save")
        where = f" {place(site.path, site.line)} saves with" if site is not None else " they save with"
        message = f"{named_call(last)} sets {field}, and {saves} did not write it:{where} "
        message += f"`update_fields=[{fields}]`. The row keeps its old `{name}`."
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        return self.finding("receiver", receiver, message, detail=name, path=last.path, line=last.line, **more)


def _lost(dispatch: Dispatch, call: ReceiverCall) -> list[str]:
    """The fields that a receiver sets from one that is saved, and that are not saved themselves."""
    saved = set(dispatch.arguments.update_fields or ()) if dispatch.arguments else set()
    function = function_at(call.path, call.line) if is_own(call.path) else None
    if function is None or "update_fields" in names_read(function):
        return []
    read, _written = attributes(function, INSTANCE)
    is_known = known_conditions(function, short(dispatch.sender), saved)
    unsaved = _unsaved_fields(dispatch.sender, saved)
    return sorted(always_sets(function, INSTANCE, is_known) & unsaved) if read & saved else []


def _unsaved_fields(model: str, saved: set[str]) -> set[str]:
    """The fields of a model that have a column and are not saved, also as they are set: "author" and "author_id"."""
    found = model_named(model)
    columns = meta(found).concrete_fields if found is not None else ()
    pairs = [(field.name, field.attname) for field in columns if not field.primary_key]
    return {name for pair in pairs if saved.isdisjoint(pair) for name in pair}
