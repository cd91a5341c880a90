"""The page of the registry: every signal with the receivers that are connected, whether they ran or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict

from signal_monitor.dashboard.connected import ConnectionRow, SignalRow, Source, signal_rows, sources
from signal_monitor.dashboard.fields import ChoiceField, PageForm, TextField
from signal_monitor.dashboard.formatting import milliseconds
from signal_monitor.dashboard.pages.base import LIST_ROWS, Context, Page, Params
from signal_monitor.dashboard.serializers import Json
from signal_monitor.stores.base import Store
from signal_monitor.stores.filters import matches

SHOWN: dict[str, tuple[str, Callable[[ConnectionRow], bool]]] = {
    "": ("all receivers", lambda row: True),
    "never": ("never ran", lambda row: row.never_ran and not row.connection.dead),
    "dead": ("gone", lambda row: row.connection.dead),
    "pending": ("waiting for a model", lambda row: row.connection.pending),
    "differs": ("not in every process", lambda row: row.differs),
}


class RegistryForm(PageForm):
    """What to show, and part of a name."""

    name = TextField(label="Signal, receiver, sender or app")
    show = ChoiceField([(key, label) for key, (label, _is_shown) in SHOWN.items()], label="Show")


class RegistryPage(Page):
    """What is connected, in every process."""

    name = "registry"
    route = "registry/"
    title = "Registry"
    section = "signals"
    form = RegistryForm
    parts = ("registry",)

    def fetch(self, store: Store, params: Params) -> Context:
        shown = sources(store)
        rows = signal_rows(shown, store.totals("receiver"))
        found = list(_filtered(rows, params.get("name", ""), params.get("show", "")))
        listed = _first(found, LIST_ROWS)
        return {
            "sources": shown,
            "signals": listed,
            "receivers": sum(len(row.connections) for row in found),
            "left_out": sum(len(row.connections) for row in found[len(listed) :]),
            "filtered": bool(params),
        }

    def as_json(self, context: Context) -> Json:
        return {
            "signals": [_signal_json(row) for row in context["signals"]],
            "left_out": context["left_out"],
            "processes": [_source_json(source) for source in context["sources"]],
        }


def _filtered(rows: Iterable[SignalRow], name: str, show: str) -> Iterable[SignalRow]:
    """The signals with the connections that match; those without any only where nothing is looked for."""
    _label, is_shown = SHOWN[show]
    for row in rows:
        found = [item for item in row.connections if is_shown(item) and _is_named(item, name)]
        if found or (not show and (not name or matches(name, row.name))):
            yield SignalRow(row.name, found, row.senders, row.left_out)


def _is_named(row: ConnectionRow, name: str) -> bool:
    connection = row.connection
    return any(
        matches(name, text) for text in (row.signal, connection.receiver, connection.sender, connection.app or "")
    )


def _first(rows: list[SignalRow], number: int) -> list[SignalRow]:
    """The first signals that have about so many connections; those with receivers come first."""
    rows.sort(key=lambda row: (not row.connections, row.name))
    left = number
    for place, row in enumerate(rows):
        if left <= 0:
            return rows[:place]
        left -= max(1, len(row.connections))
    return rows


def _signal_json(row: SignalRow) -> Json:
    return {
        "name": row.name,
        "receivers": [connection_json(item) for item in row.connections],
        "receivers_left_out": row.left_out,
        "senders": row.senders,
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
