"""The page of all signals: each with the receivers that are connected, whether they ran or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from signal_monitor.dashboard.connected import ConnectionRow, SignalRow, Source, not_imported, sent_signals, sources
from signal_monitor.dashboard.fields import ChoiceField, PageForm, TextField
from signal_monitor.dashboard.formatting import milliseconds
from signal_monitor.dashboard.models import ASKED, model_labels
from signal_monitor.dashboard.pages.base import LIST_ROWS, Context, Page, Params
from signal_monitor.dashboard.serializers import Json, finding_json, orphan_sends_json
from signal_monitor.stores.base import Store
from signal_monitor.stores.filters import matches

Shown = Callable[[SignalRow, ConnectionRow], bool]
SHOWN: dict[str, tuple[str, Shown]] = {
    "": ("All", lambda _signal, _row: True),
    "never": ("Never ran", lambda _signal, row: row.never_ran and not row.connection.dead),
    "unimported": ("Not imported", lambda _signal, _row: False),
    "dead": ("Gone", lambda _signal, row: row.connection.dead),
    "twice": ("Connected twice", lambda _signal, row: row.twice),
    "none": ("Signals without receiver", lambda _signal, _row: False),
    "pending": ("Waiting for a model", lambda _signal, row: row.connection.pending),
    "differs": ("Not in every process", lambda _signal, row: row.differs),
}


class SignalsForm(PageForm):
    """What to show, and part of a name."""

    name = TextField(label="Signal, receiver, sender or app")
    show = ChoiceField([(key, label) for key, (label, _is_shown) in SHOWN.items()], label="Show")


@dataclass(frozen=True)
class Pick:
    """A filter with the number of what it shows."""

    key: str
    label: str
    count: int


class SignalsPage(Page):
    """What is connected, in every process."""

    name = "signals"
    route = "signals/"
    title = "Signals"
    form = SignalsForm
    parts = ("summary", "signals")
    seconds = 5.0

    def fetch(self, store: Store, params: Params) -> Context:
        shown, show, name = sources(store), params.get("show", ""), params.get("name", "")
        rows = sent_signals(store, shown)
        unimported = not_imported(shown)
        found = list(_filtered(rows, name, show))
        listed = _first(found, LIST_ROWS)
        return {
            "sources": shown,
            "signals": listed,
            "all_signals": len(rows),
            "all_receivers": sum(len(row.connections) for row in rows),
            "receivers": sum(len(row.connections) for row in found),
            "left_out": sum(len(row.connections) for row in found[len(listed) :]),
            "differing": sum(item.differs for row in rows for item in row.connections),
            "unimported": unimported if show in {"", "unimported"} else [],
            "picks": _picks(rows, len(unimported)),
            "filtered": bool(params),
            "models": model_labels(),
            "actions": tuple(ASKED.items()),
        }

    def as_json(self, context: Context) -> Json:
        return {
            "signals": [_signal_json(row) for row in context["signals"]],
            "left_out": context["left_out"],
            "not_imported": [finding_json(each) for each in context["unimported"]],
            "processes": [_source_json(source) for source in context["sources"]],
        }


def _picks(rows: Sequence[SignalRow], unimported: int) -> list[Pick]:
    """The filters that show something, and the one for all."""
    counts = {
        key: sum(is_shown(row, item) for row in rows for item in row.connections)
        for key, (_label, is_shown) in SHOWN.items()
    }
    counts |= {"unimported": unimported, "none": sum(map(_is_without_receiver, rows))}
    return [Pick(key, label, counts[key]) for key, (label, _is_shown) in SHOWN.items() if counts[key] or not key]


def _is_without_receiver(row: SignalRow) -> bool:
    """Whether nobody hears it: no receiver is there, or it was sent and none was for its sender."""
    return not any(item.is_called for item in row.connections) or row.is_unheard


def _filtered(rows: Iterable[SignalRow], name: str, show: str) -> Iterable[SignalRow]:
    """The signals with the connections that match; those without any only where nothing else is looked for."""
    _label, is_shown = SHOWN[show]
    for row in rows:
        is_named = not name or matches(name, row.name)
        if show == "none":
            if is_named and _is_without_receiver(row):
                yield row
            continue
        found = [item for item in row.connections if is_shown(row, item) and _is_named(item, name)]
        if found or (not show and is_named):
            yield replace(row, connections=found)


def _is_named(row: ConnectionRow, name: str) -> bool:
    connection = row.connection
    return any(
        matches(name, text) for text in (row.signal, connection.receiver, connection.sender, connection.app or "")
    )


def _first(rows: list[SignalRow], number: int) -> list[SignalRow]:
    """The first signals, with so many connections: the project's own, then those with receivers.

    A signal may have more receivers than all others together: the rest of them is counted.
    """
    rows.sort(key=lambda row: (not row.connections, row.name.startswith("django."), row.name))
    listed: list[SignalRow] = []
    for row in rows:
        if number <= 0:
            break
        rest = row.connections[number:]
        left_out = row.left_out + len(rest)
        listed.append(replace(row, connections=row.connections[:number], left_out=left_out) if rest else row)
        number -= max(1, len(row.connections))
    return listed


def _signal_json(row: SignalRow) -> Json:
    return {
        "name": row.name,
        "receivers": [connection_json(item) for item in row.connections],
        "receivers_left_out": row.left_out,
        "senders": row.senders,
        "sent": row.sent,
        "orphans": row.orphans,
        "sent_without_receiver": [orphan_sends_json(each) for each in row.orphan_sends],
    }


def connection_json(row: ConnectionRow) -> Json:
    """A connection with the processes that have it and the calls of its receiver."""
    totals = row.totals
    return {
        **asdict(row.connection),
        "calls": totals.count if totals else 0,
        "slow": totals.slow if totals else 0,
        "slowest_ms": milliseconds(totals.max_ns) if totals else None,
        "last_at": totals.last_at if totals else None,
        "processes": list(row.present),
        "missing_in": list(row.missing),
        "twice": row.twice,
        "missed_by": row.missed_by or None,
    }


def _source_json(source: Source) -> Json:
    registry = source.registry
    return {
        "process": registry.process,
        "title": source.title,
        "gone": source.gone,
        "taken_at": registry.taken_at,
        "signals_left_out": registry.signals_left_out,
        "taken_uids": [asdict(item) for item in registry.taken_uids],
        "failed_disconnects": [asdict(item) for item in registry.failed_disconnects],
        "died": [asdict(item) for item in registry.died],
    }
