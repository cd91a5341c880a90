"""The floor: what is left of a request's cost when the monitor's work is taken out, part by part."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from django.dispatch import Signal
from django.dispatch.dispatcher import NO_RECEIVERS

from signal_monitor.instrumentation.record_queue import record_queue
from signal_monitor.pipeline.worker import Pipeline

from .base import Bounds, Tool, Work
from .monitor import Monitor

KEPT = 1_000
times: deque[list[Any]] = deque(maxlen=KEPT)


class Clocks(Tool):
    """Django's own send method, which also reads the clock after each receiver and keeps the times in a list."""

    def prepare(self) -> None:
        Signal.send = _send_and_time  # type: ignore[method-assign]


def _send_and_time(self: Any, sender: Any, **named: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - as Django's
    if not self.receivers or self.sender_receivers_cache.get(sender) is NO_RECEIVERS:
        return []
    responses = []
    receivers, _async_receivers = self._live_receivers(sender)
    record = [self, sender, perf_counter()]
    for receiver in receivers:
        response = receiver(signal=self, sender=sender, **named)
        record.append(perf_counter())
        responses.append((receiver, response))
    times.append(record)
    return responses


class Undelivered(Monitor):
    """The monitor without its worker: at the end of each request, what is queued is dropped."""

    def start(self) -> None:
        super().start()
        for name in ("start", "check", "flush"):
            setattr(Pipeline, name, _nothing)
        Pipeline.work_for_worker = _drop  # type: ignore[method-assign,assignment]

    def expected(self, work: Work) -> Mapping[str, Bounds]:
        return {}


class Unattributed(Undelivered):
    """The same without the middleware, and without the hooks around a request."""

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "MIDDLEWARE": []}


def _nothing(_pipeline: Pipeline) -> None:
    """Do nothing."""


def _drop(_pipeline: Pipeline) -> None:
    record_queue.clear_items()
