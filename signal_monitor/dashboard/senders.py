"""Who sends a signal and from where, who would hear it, and who would have heard it once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from signal_monitor.dashboard.connected import ConnectionRow, Source
from signal_monitor.dashboard.sources import is_source
from signal_monitor.finding import Finding
from signal_monitor.records import Dispatch, Frame, OrphanSends
from signal_monitor.registry.records import DeadReceiver
from signal_monitor.stores.base import Store

T = TypeVar("T")
MOST_SENDERS = 50
MOST_SITES = 3
MOST_ORIGINS = 20
"""Requests that are read to name their views."""
MOST_BYTES = 1_000_000


@dataclass
class SentBy:
    """A sender of a signal: its ``stored`` dispatches, and how often it was seen to find no receiver.

    ``sites`` are lines that send it, ``views`` the views and tasks in which they did, and ``receivers`` are those that
    would run now.
    """

    sender: str
    receivers: int
    stored: int = 0
    orphans: int = 0
    sites: list[Frame] = field(default_factory=list)
    views: list[str] = field(default_factory=list)


def senders_of(
    store: Store, dispatches: Iterable[Dispatch], orphans: Iterable[OrphanSends], connections: Sequence[ConnectionRow]
) -> list[SentBy]:
    """The senders in stored dispatches of a signal, and those that found no receiver."""
    found: dict[str, SentBy] = {}

    def row_of(sender: str) -> SentBy:
        if sender not in found:
            found[sender] = SentBy(sender, sum(each.runs_for(sender) for each in connections))
        return found[sender]

    asked: dict[str, str] = {}
    for dispatch in {each.id: each for each in dispatches}.values():
        row = row_of(dispatch.sender)
        row.stored += 1
        _add(row.sites, dispatch.call_site)
        _add(row.views, _origin_name(store, dispatch, asked))
    for send in orphans:
        row = row_of(send.sender)
        row.orphans += send.count
        for site in send.sites:
            _add(row.sites, site)
    return sorted(found.values(), key=lambda row: (-row.stored - row.orphans, row.sender))[:MOST_SENDERS]


def _add(known: list[T], one: T | None) -> None:
    if one and one not in known and len(known) < MOST_SITES:
        known.append(one)


def _origin_name(store: Store, dispatch: Dispatch, asked: dict[str, str]) -> str:
    """The view of the request, or the task or command, in which it was sent; "" if it is not known."""
    if dispatch.origin_kind != "request" or dispatch.origin_id is None:
        return dispatch.origin_id or "" if dispatch.origin_kind == "command" else ""
    if dispatch.origin_id not in asked and len(asked) < MOST_ORIGINS:
        request = store.request(dispatch.origin_id)
        asked[dispatch.origin_id] = f"{request.method} {request.view or request.path}" if request else ""
    return asked.get(dispatch.origin_id, "")


def gone_receivers(shown: Iterable[Source], signal: str) -> list[DeadReceiver]:
    """The receivers of a signal that were connected and are gone, each once."""
    found = [each for source in shown for each in source.registry.died if each.signal == signal]
    return list({(each.receiver, each.sender, each.call.path, each.call.line): each for each in found}.values())


def that_mention(findings: Iterable[Finding], signal: str) -> list[Finding]:
    """The findings whose file has the last part of a signal's name in it."""
    last = signal.rpartition(".")[2]
    return [each for each in findings if each.path and _has_in_it(each.path, last)]


def _has_in_it(path: str, name: str) -> bool:
    try:
        source = Path(path)
        return is_source(path) and source.stat().st_size < MOST_BYTES and name in source.read_text("utf-8", "replace")
    except (OSError, ValueError):
        return False
