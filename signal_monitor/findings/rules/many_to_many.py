"""Many-to-many rows that are read before they are there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.db import models

from signal_monitor.database_records import DatabaseWork
from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.argument_use import managers_read
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.helpers import handed_to
from signal_monitor.findings.own import is_own
from signal_monitor.findings.related import meta, model_named
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.sources import function_at
from signal_monitor.findings.wording import named_call, of_request, plural
from signal_monitor.records import Dispatch, ReceiverCall

POST_SAVE = "django.db.models.signals.post_save"
WRITERS = frozenset(f"{prefix}{name}" for prefix in ("", "a") for name in ("add", "set", "remove", "clear", "create"))


class Early(NamedTuple):
    """A field that a receiver has read too early, and how many rows came later."""

    field: str
    rows: int


class ManyToManyRead(RecordRule):
    """A receiver of post_save reads a many-to-many field of a new row, whose rows are written afterwards."""

    code = "R232"
    name = "many-to-many-read-early"
    title = "Many-to-many rows that are read before they are there"
    kind = "Too early"
    level = "warning"
    what = "Forms and serializers save many-to-many fields after the row. When `post_save` is sent, there are none yet."
    remedy = (
        "Do it in a receiver of `m2m_changed`, with the through model of the field as sender and "
        '`action == "post_add"`; or call it from the view, after `form.save_m2m()`.'
    )
    sketch = (
        "-@receiver(post_save, sender=Pizza)",
        "-def {receiver}(sender, instance, **kwargs):",
        "-    count(instance.toppings.all())",
        "+@receiver(m2m_changed, sender=Pizza.toppings.through)",
        "+def {receiver}(sender, instance, action, **kwargs):",
        '+    if action == "post_add":',
        "+        count(instance.toppings.all())",
    )
    minimum = (
        "One call for a new row in which a receiver queried a many-to-many field of `instance`, by its source, while "
        "the request wrote rows of the field outside the dispatch."
    )
    innocent = (
        "A row that existed already; a row that gets none; a receiver that adds them itself, or that runs after the "
        "one that does."
    )

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[tuple[str, str], list[Call]] = defaultdict(list)
        rows: dict[tuple[str, str], int] = defaultdict(int)
        created = [row for row in snapshot.dispatches if _is_for_new_row(row)]
        alike = Counter((row.origin_id, row.sender) for row in created)
        for dispatch in created:
            if alike[dispatch.origin_id, dispatch.sender] == 1:  # else the rows may be those of another object
                for call in dispatch.calls:
                    for early in _early(snapshot, dispatch, call):
                        found[call.receiver, early.field].append((dispatch, call))
                        rows[call.receiver, early.field] += early.rows
        for key, calls in found.items():
            yield self._finding(snapshot, *key, rows[key], calls)

    def _finding(self, snapshot: Snapshot, receiver: str, field: str, rows: int, calls: Sequence[Call]) -> Finding:
        dispatch, last = calls[-1]
        request = snapshot.request_of(dispatch)
        where = f" in {of_request(request)}" if request is not None and len(calls) == 1 else ""
        model = field.partition(".")[0]
        new = plural(len(calls), f"new `{model}`", f"new rows of `{model}`")
        message = f"{named_call(last)} read `{field}` before the rows were there: it was called for {new}, and "
        message += f"{plural(rows, 'row')} of `{field}` {'was' if rows == 1 else 'were'} written afterwards{where}."
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        return self.finding("receiver", receiver, message, detail=field, path=last.path, line=last.line, **more)


def _is_for_new_row(dispatch: Dispatch) -> bool:
    return dispatch.signal == POST_SAVE and dispatch.arguments is not None and dispatch.arguments.created is True


def _early(snapshot: Snapshot, dispatch: Dispatch, call: ReceiverCall) -> Iterator[Early]:
    """The many-to-many fields that a call has read, and that the request has written outside the dispatch."""
    request = snapshot.request_of(dispatch) if is_own(call.path) else None
    function = function_at(call.path, call.line) if request is not None else None
    model = model_named(dispatch.sender) if function is not None else None
    if request is None or function is None or model is None:
        return
    handed = [(function, "instance"), *handed_to(function, "instance", str(call.path), model)]
    read = {name for each, argument in handed for name in managers_read(each, argument, WRITERS)}
    selected = _selected(call.databases)
    nested = [row for row in snapshot.trees.get(dispatch.root_id, ()) if row.depth > dispatch.depth]
    calls = [each for row in (dispatch, *nested) for each in row.calls]
    for name, through, target in _many_to_many(model):
        if name in read and not selected.isdisjoint({_table(through), _table(target)}):
            inside = sum(_written(each.databases, _table(through)) for each in calls)
            rows = _written(request.databases, _table(through)) - inside
            if rows > 0:
                yield Early(f"{model.__name__}.{name}", rows)


def _many_to_many(model: type[models.Model]) -> Iterator[tuple[str, Any, Any]]:
    """The many-to-many attributes of a model, from both sides: the name, the through model and the other model."""
    for field in meta(model).get_fields():
        if field.many_to_many and getattr(field, "remote_field", None) is not None:
            is_forward = isinstance(field, models.ManyToManyField)
            through = field.remote_field.through if is_forward else field.through
            yield field.name if is_forward else field.get_accessor_name(), through, field.related_model


def _table(model: type[models.Model]) -> str:
    return str(meta(model).db_table)


def _selected(works: Iterable[DatabaseWork]) -> set[str]:
    return {table.table for work in works for table in work.tables if table.selects}


def _written(works: Iterable[DatabaseWork], table: str) -> int:
    return sum(each.rows for work in works for each in work.tables if each.table == table)
