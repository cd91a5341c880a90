"""Puts the observing methods in place, and takes them off again."""

from __future__ import annotations

from typing import Any

from signal_monitor.instrumentation.hooks import hooks
from signal_monitor.instrumentation.info import configure_arguments
from signal_monitor.instrumentation.plans import forget_plans

from . import bulk
from .arguments import SIGNALS, read_arguments
from .outside import OutsideEffects
from .transactions import forget_transactions
from .wrappers import REPLACED


class DatabaseObservation:
    """Replaces methods, and restores them."""

    def __init__(self) -> None:
        self._replaced: dict[tuple[type, str], tuple[Any, Any]] = {}
        self._outside = OutsideEffects()

    def start(self) -> None:
        """Observe from now on; calling it again changes nothing."""
        hooks.counts_queries = True
        for cls, name, observed in (*REPLACED, *bulk.REPLACED):
            if (cls, name) not in self._replaced:
                original = vars(cls)[name]
                ours = observed(original)
                self._replaced[cls, name] = (original, ours)
                setattr(cls, name, ours)
        configure_arguments(dict.fromkeys(SIGNALS, read_arguments))
        forget_plans()
        self._outside.start()

    def look(self) -> None:
        """See whether modules were imported that queue tasks."""
        if hooks.counts_queries:
            self._outside.look()

    def stop(self) -> None:
        """Stop observing; a method that another tool has wrapped since stays, and observes nothing."""
        hooks.counts_queries = False
        for (cls, name), (original, ours) in list(self._replaced.items()):
            if vars(cls)[name] is ours:
                setattr(cls, name, original)
                del self._replaced[cls, name]
        configure_arguments({})
        forget_plans()
        self._outside.stop()
        forget_transactions()


database_work = DatabaseObservation()
