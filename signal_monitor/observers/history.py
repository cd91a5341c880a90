"""Which dispatches are stored one by one: the slow and the failed, with what is nested in them, and a sample."""

from __future__ import annotations

import time
from collections import OrderedDict

from signal_monitor.instrumentation.hooks import DispatchSpans
from signal_monitor.records import Amendment, Dispatch, ReceiverCall
from signal_monitor.stores.base import Batch

from .base import BaseObserver
from .sampling import Sampler

MAX_TREE = 300
MAX_WAITING = 5_000
PATIENCE_SECONDS = 1.0


class Tree:
    """The dispatches seen so far under one outermost dispatch."""

    def __init__(self) -> None:
        self.seen_at = time.monotonic()
        self.dispatches: list[Dispatch] = []
        self.notable = False

    def add(self, dispatch: Dispatch) -> bool:
        """Take in a dispatch; beyond MAX_TREE only slow and failed ones, and the outermost. Whether it was taken."""
        notable = is_notable(dispatch)
        self.notable = self.notable or notable
        taken = notable or not dispatch.depth or len(self.dispatches) < MAX_TREE
        if taken:
            self.dispatches.append(dispatch)
        return taken


class History(BaseObserver):
    """Holds nested dispatches back until their outermost one has ended: a tree is stored whole or not at all."""

    def __init__(self, sample_per_second: int) -> None:
        self._sampler = Sampler(sample_per_second)
        self.forget()

    def forget(self) -> None:
        """Begin anew: what waits is the parent's."""
        self._waiting: OrderedDict[str, Tree] = OrderedDict()
        self._waiting_count = 0
        self._chosen: list[Dispatch] = []
        self._amendments: list[Amendment] = []

    def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
        """Decide on a tree when its outermost dispatch ends, on an old one before its time."""
        tree = self._waiting.get(dispatch.root_id)
        if tree is None:
            tree = self._waiting[dispatch.root_id] = Tree()
        self._waiting_count += tree.add(dispatch)
        if dispatch.id == dispatch.root_id:
            self._decide(dispatch.root_id)
        elif self._waiting_count > MAX_WAITING:
            self._decide(next(iter(self._waiting)))

    def wanted(self) -> int:
        """As many as the sample has room for."""
        return self._sampler.room()

    def amend(self, amendment: Amendment, call: ReceiverCall) -> None:
        """Pass on what became of a late call."""
        self._amendments.append(amendment)

    def _decide(self, root_id: str) -> None:
        tree = self._waiting.pop(root_id)
        self._waiting_count -= len(tree.dispatches)
        if tree.notable or self._sampler.take(len(tree.dispatches)):
            self._chosen.extend(tree.dispatches)

    def _decide_old(self, patience: float) -> None:
        """Decide on trees whose outermost dispatch takes its time, or hangs: they must show while it does."""
        before = time.monotonic() - patience
        for root_id in [root for root, tree in self._waiting.items() if tree.seen_at <= before]:
            self._decide(root_id)

    def fill(self, batch: Batch) -> None:
        """Store what was chosen."""
        self._decide_old(PATIENCE_SECONDS)
        batch.dispatches, self._chosen = self._chosen, []
        waiting = {dispatch.id for tree in self._waiting.values() for dispatch in tree.dispatches}
        batch.amendments = [item for item in self._amendments if item.dispatch_id not in waiting]
        self._amendments = [item for item in self._amendments if item.dispatch_id in waiting]

    def flush(self) -> None:
        """Wait for nothing any more."""
        self._decide_old(0.0)


def is_notable(dispatch: Dispatch) -> bool:
    """Whether a dispatch is kept whatever the sample: slow, failed, or with a call that was cut short or ran on."""
    return (
        dispatch.severity != "normal"
        or dispatch.failed
        or any(call.severity != "normal" or call.outcome != "ok" for call in dispatch.calls)
    )
