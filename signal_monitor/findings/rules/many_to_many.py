"""Related rows, such as those of a many-to-many field, that are read before they are there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.db import models

from signal_monitor import names
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
OF_ROWS = {POST_SAVE, "django.db.models.signals.m2m_changed"}
WRITERS = frozenset(f"{prefix}{name}" for prefix in ("", "a") for name in ("add", "set", "remove", "clear", "create"))


class Early(NamedTuple):
    """A field that a receiver has read too early, and how many rows came later."""

    field: str
    rows: int
    model: str = ""
    """The model with the foreign key, if it is none of a many-to-many field."""


class Related(NamedTuple):
    """An attribute for related rows: the table whose rows make the relation, and the one of the related model."""

    name: str
    through: Any
    target: Any
    is_foreign_key: bool


class ManyToManyRead(RecordRule):
    """A receiver of post_save reads related rows of a new row, which are written afterwards."""

    code = "R232"
    name = "many-to-many-read-early"
    title = "Related rows that are read before they are there"
    kind = "Too early"
    level = "warning"
    what = (
        "Forms and serializers save many-to-many fields, and the rows of inlines, after the row itself. When "
        "`post_save` is sent, there are none yet."
    )
    remedy = (
        "Do it in a receiver of `m2m_changed`, with the through model of the field as sender and "
        '`action == "post_add"`; or call it from the view, after `form.save_m2m()`.'
    )
    of_foreign_key = (
        "Do it in a receiver of `post_save` with `sender={model}`; or call it from the view, after all rows are saved."
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
        "One call for a new row in which a receiver queried a many-to-many field of `instance`, or rows with a foreign "
        "key to it, by its source, while the request wrote such rows outside the dispatch."
    )
    innocent = (
        "A row that existed already; a row that gets none; a receiver that adds them itself, or that runs after the "
        "one that does; one that is called for the related rows, too."
    )

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[tuple[str, str], list[Call]] = defaultdict(list)
        rows: dict[tuple[str, str], int] = defaultdict(int)
        models_of: dict[str, str] = {}
        created = [row for row in snapshot.dispatches if _is_for_new_row(row)]
        alike = Counter((row.origin_id, row.sender) for row in created)
        for dispatch in created:
            if alike[dispatch.origin_id, dispatch.sender] == 1:  # else the rows may be those of another object
                for call in dispatch.calls:
                    for early in _early(snapshot, dispatch, call):
                        found[call.receiver, early.field].append((dispatch, call))
                        rows[call.receiver, early.field] += early.rows
                        models_of[early.field] = early.model
        for key, calls in found.items():
            advice = self.of_foreign_key.format(model=models_of[key[1]]) if models_of[key[1]] else self.remedy
            yield self._finding(snapshot, key, rows[key], calls, advice)

    def _finding(
        self, snapshot: Snapshot, key: tuple[str, str], rows: int, calls: Sequence[Call], advice: str
    ) -> Finding:
        receiver, field = key
        dispatch, last = calls[-1]
        request = snapshot.request_of(dispatch)
        where = f" in {of_request(request)}" if request is not None and len(calls) == 1 else ""
        model = field.partition(".")[0]
        new = plural(len(calls), f"new `{model}`", f"new rows of `{model}`")
        message = f"{named_call(last)} read `{field}` before the rows were there: it was called for {new}, and "
        message += f"{plural(rows, 'row')} of `{field}` {'was' if rows == 1 else 'were'} written afterwards{where}."
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        more |= {"detail": field, "path": last.path, "line": last.line, "advice": advice}
        return self.finding("receiver", receiver, message, **more)


def _is_for_new_row(dispatch: Dispatch) -> bool:
    return dispatch.signal == POST_SAVE and dispatch.arguments is not None and dispatch.arguments.created is True


def _early(snapshot: Snapshot, dispatch: Dispatch, call: ReceiverCall) -> Iterator[Early]:
    """The related rows that a call has read, and that the request has written outside the dispatch."""
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
    for related in _related(model):
        table = _table(related.through)
        if related.name not in read or selected.isdisjoint({table, _table(related.target)}):
            continue
        inside = sum(_written(each.databases, table) for each in calls)
        rows = _written(request.databases, table) - inside
        if rows > 0 and not _is_called_for_them(snapshot, call, related):
            yield Early(
                f"{model.__name__}.{related.name}", rows, _name(related.target) if related.is_foreign_key else ""
            )


def _related(model: type[models.Model]) -> Iterator[Related]:
    """The attributes of a model for related rows: many-to-many, from both sides, and those with a foreign key to it."""
    for field in meta(model).get_fields():
        if isinstance(field, models.ManyToManyField):
            yield Related(field.name, field.remote_field.through, field.related_model, is_foreign_key=False)
        elif isinstance(field, models.ManyToManyRel):
            yield Related(field.get_accessor_name() or "", field.through, field.related_model, is_foreign_key=False)
        elif field.one_to_many and field.auto_created:
            other = field.related_model
            yield Related(field.get_accessor_name() or "", other, other, is_foreign_key=True)


def _is_called_for_them(snapshot: Snapshot, call: ReceiverCall, related: Related) -> bool:
    """Whether the receiver runs for the related rows too; or, of a foreign key, any of the project's for new ones."""
    sender = names.class_name(related.through)
    for registry in snapshot.registries:
        for signal in registry.signals:
            for each in signal.connections if signal.name in OF_ROWS else ():
                is_there = each.sender == sender and not each.dead
                if is_there and (each.receiver == call.receiver or (related.is_foreign_key and is_own(each.path))):
                    return True
    return False


def _name(model: type[models.Model]) -> str:
    return model.__name__


def _table(model: type[models.Model]) -> str:
    return str(meta(model).db_table)


def _selected(works: Iterable[DatabaseWork]) -> set[str]:
    return {table.table for work in works for table in work.tables if table.selects}


def _written(works: Iterable[DatabaseWork], table: str) -> int:
    """How many rows were written otherwise than one by one with ``save()`` of rows that exist."""
    return sum(max(0, each.rows - each.single_updates) for work in works for each in work.tables if each.table == table)
