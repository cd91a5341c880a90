"""Chooses the dispatches that are stored individually: slow and failed ones, what is nested in them, and a sample."""

from __future__ import annotations

import time
from collections import OrderedDict

from signal_monitor.instrumentation.hooks import DispatchSpans
from signal_monitor.records import Amendment, Dispatch, ReceiverCall
from signal_monitor.stores.base import Batch

from .base import BaseObserver
from .bounded import bounded
from .sampling import Sampler

MAX_TREE = 300
MAX_PENDING = 5_000
MAX_PENDING_SECONDS = 1.0


class Tree:
    """The dispatches received so far under one outermost dispatch."""

    def __init__(self) -> None:
        self.started_at = time.monotonic()
        self.dispatches: list[Dispatch] = []
        self.notable = False

    def add(self, dispatch: Dispatch) -> bool:
        """Add a dispatch and return whether it was added; beyond MAX_TREE, only slow, failed and outermost ones are."""
        notable = is_notable(dispatch)
        self.notable = self.notable or notable
        taken = notable or not dispatch.depth or len(self.dispatches) < MAX_TREE
        if taken:
            self.dispatches.append(dispatch)
        return taken


class History(BaseObserver):
    """Keeps nested dispatches until their outermost one has ended: a tree is stored completely or not at all."""

    def __init__(self, sample_per_second: int) -> None:
        self._sampler = Sampler(sample_per_second)
        self.forget()

    def forget(self) -> None:
        """Start again in a forked child; what is pending belongs to the parent process."""
        self._pending: OrderedDict[str, Tree] = OrderedDict()
        self._pending_count = 0
        self._chosen: list[Dispatch] = []
        self._amendments: list[Amendment] = []

    def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
        """Add a dispatch to its tree, and decide on the tree when its outermost dispatch has ended."""
        tree = self._pending.get(dispatch.root_id)
        if tree is None:
            tree = self._pending[dispatch.root_id] = Tree()
        self._pending_count += tree.add(bounded(dispatch))
        if dispatch.id == dispatch.root_id:
            self._decide(dispatch.root_id)
        elif self._pending_count > MAX_PENDING:
            self._decide(next(iter(self._pending)))

    def wanted(self) -> int:
        """As many as the sample admits."""
        return self._sampler.available()

    def amend(self, amendment: Amendment, call: ReceiverCall) -> None:
        """Store the outcome of a late call."""
        self._amendments.append(amendment)

    def _decide(self, root_id: str) -> None:
        tree = self._pending.pop(root_id)
        self._pending_count -= len(tree.dispatches)
        if tree.notable or self._sampler.take(len(tree.dispatches)):
            self._chosen.extend(tree.dispatches)

    def _decide_old(self, max_seconds: float) -> None:
        """Decide on trees whose outermost dispatch still runs: their dispatches are shown meanwhile."""
        before = time.monotonic() - max_seconds
        for root_id in [root for root, tree in self._pending.items() if tree.started_at <= before]:
            self._decide(root_id)

    def fill(self, batch: Batch) -> None:
        """Store the chosen dispatches, and the amendments of those that are not pending."""
        self._decide_old(MAX_PENDING_SECONDS)
        batch.dispatches, self._chosen = self._chosen, []
        pending = {dispatch.id for tree in self._pending.values() for dispatch in tree.dispatches}
        batch.amendments = [item for item in self._amendments if item.dispatch_id not in pending]
        self._amendments = [item for item in self._amendments if item.dispatch_id in pending]

    def flush(self) -> None:
        """Decide on every tree now."""
        self._decide_old(0.0)


def is_notable(dispatch: Dispatch) -> bool:
    """Whether a dispatch is stored whatever the sample: it is slow, failed, or has a call that did not end well."""
    return (
        dispatch.severity != "normal"
        or dispatch.failed
        or any(call.severity != "normal" or call.outcome != "ok" for call in dispatch.calls)
    )
