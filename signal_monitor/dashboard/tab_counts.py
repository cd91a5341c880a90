"""The numbers beside the tabs: what was found, and what has failed, in the period of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

from signal_monitor.dashboard import formatting
from signal_monitor.dashboard.processes import ProcessState
from signal_monitor.dashboard.scope import Scope
from signal_monitor.findings.engine import find_lately
from signal_monitor.stores.base import Store
from signal_monitor.stores.filters import DispatchFilter

COUNTS = "counts"
"""The name of the part that replaces the numbers."""
TITLES = {"findings": "Findings of this period", "errors": "Failed dispatches that are stored, of this period"}
COUNT = '<span id="sm-count-{}" class="count" title="{}"{}>{}</span>'

Counts = Mapping[str, int]


def read_counts(store: Store, params: Mapping[str, str], states: Sequence[ProcessState]) -> Counts:
    """The numbers by the names of their pages. Raises StoreError."""
    scope = Scope.of(params)
    ids = scope.ids(states)
    failed = DispatchFilter(outcome="failed", ended_since=scope.since or 0.0, processes=ids)
    return {"findings": len(scope.findings(find_lately(store, scope.since), ids)), "errors": store.count(failed)}


def tab_count(counts: Counts, page: str, *, oob: bool = False) -> SafeString:
    """The number beside a tab; empty for none, and "" for a tab without one."""
    if page not in TITLES:
        return SafeString("")
    swapped = SafeString(' hx-swap-oob="true"' if oob else "")
    number = counts.get(page, 0)
    return format_html(COUNT, page, TITLES[page], swapped, formatting.count(number) if number else "")


def tab_counts(counts: Counts) -> str:
    """All of them, to be swapped in."""
    return "".join(tab_count(counts, page, oob=True) for page in TITLES)
