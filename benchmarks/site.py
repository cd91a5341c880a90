"""The site that is measured: Django's handler answers requests, and their CPU time is measured."""

from __future__ import annotations

import time
from io import BytesIO
from time import perf_counter_ns, process_time_ns
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.core.handlers.wsgi import WSGIHandler

from .process import Process
from .rounds import summary
from .tools.base import Work

SETTLE_SECONDS = 5


class Site:
    """A subject's process with the shop's receivers and rows."""

    serving: Site | None = None
    """The one of this process, for the view that tells what requests took."""

    def __init__(self, process: Process) -> None:
        from .shop import SAVES, receivers, views  # can be imported after django.setup()

        receivers.connect()
        views.make_items()
        self._process = process
        self._saves, self._calls = SAVES, SAVES * len(receivers.RECEIVERS)
        process.flush()
        self._recorded = process.recorded()
        self.handler = WSGIHandler()
        Site.serving = self

    def usage_ns(self, requests: int, of_ours: int) -> int:
        """CPU time of all threads of this process, after all deferred work.

        Fails unless this many requests were recorded since the last call, apart from those of the measurement itself.
        """
        work = Work(
            dispatches=requests * self._saves,
            calls=requests * self._calls,
            sync_calls=requests * self._calls,
            requests=requests + of_ours,
        )
        self._process.flush()
        used_ns = process_time_ns()
        deadline = time.monotonic() + SETTLE_SECONDS
        while not self._process.has_recorded(self._recorded, work) and time.monotonic() < deadline:
            time.sleep(0.001)  # another thread has sent its response, and has not yet ended the request
            self._process.flush()
            used_ns = process_time_ns()
        self._process.prove(self._recorded, work)
        self._recorded = self._process.recorded()
        return used_ns

    def answer(self, requests: int) -> dict[str, float]:
        """Answer this many requests; returns CPU time per request, and median and slow durations, in nanoseconds."""
        used_ns, times = self._timed(requests)
        return summary(used_ns, times)

    def durations(self, requests: int) -> list[int]:
        """Answer this many requests; returns how long each took in nanoseconds."""
        return self._timed(requests)[1]

    def _timed(self, requests: int) -> tuple[int, list[int]]:
        self.usage_ns(self._answered(max(1, requests // 10)), 0)
        before_ns = process_time_ns()
        times = [self.answer_one() for _ in range(requests)]
        return self.usage_ns(requests, 0) - before_ns, times

    def _answered(self, requests: int) -> int:
        for _ in range(requests):
            self.answer_one()
        return requests

    def answer_one(self) -> int:
        """Answer one request; returns how long it took in nanoseconds."""
        environ: dict[str, Any] = {"wsgi.input": BytesIO()}
        setup_testing_defaults(environ)
        statuses: list[str] = []

        def start(status: str, _headers: list[tuple[str, str]], _error: object = None) -> Any:  # noqa: ANN401 - WSGI's
            statuses.append(status)

        started_ns = perf_counter_ns()
        response: Any = self.handler(environ, start)
        list(response)
        response.close()
        ended_ns = perf_counter_ns()
        if statuses != ["200 OK"]:
            raise AssertionError(f"the view answered {statuses}")
        return ended_ns - started_ns
