"""The hub renders each view once for all its viewers, while it has any."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar
from weakref import WeakKeyDictionary

from signal_monitor.dashboard.budget import Budget, live_budget, pace
from signal_monitor.dashboard.client import Client
from signal_monitor.dashboard.frames import Rendering
from signal_monitor.dashboard.notices import NOTICE, notice
from signal_monitor.dashboard.pages import render
from signal_monitor.dashboard.pages.base import View
from signal_monitor.pipeline.suppression import suppressed
from signal_monitor.stores import get_store
from signal_monitor.stores.base import StoreError
from signal_monitor.text import MAX_LINE, cleaned

T = TypeVar("T")
Render = Callable[[View], Rendering]

TICK_SECONDS = 0.25
REFRESH_SECONDS = 1.0
"""How old a frame may get while nothing is written: its ages go out of date."""
MAX_VIEWS = 50
MAX_CLIENTS = 200
RENDERERS = 2
LOG_SECONDS = 60.0

logger = logging.getLogger("signal_monitor")


class HubFull(Exception):  # noqa: N818 - named like asyncio.QueueFull
    """The hub already renders its maximum number of different views."""


class _ViewState:
    """One distinct view: its viewers, and when and from which state of the store it was last rendered."""

    def __init__(self) -> None:
        self.clients: set[Client] = set()
        self.cursor: str | None = None
        self.rendered_at = -math.inf
        self.seconds = 0.0
        self.is_rendering = False
        self.cost = 0.0

    def is_due(self, cursor: str, now: float, refresh: float) -> bool:
        """Whether to render it: a viewer is ready for it and would see something new."""
        ready = [client for client in self.clients if client.is_ready]
        if not ready or self.is_rendering:
            return False
        if any(client.has_nothing for client in ready):
            return True
        age = now - self.rendered_at
        return age >= self.seconds and (cursor != self.cursor or age >= refresh)

    @property
    def after(self) -> int:
        """The number of the newest row that all viewers who would get a frame have."""
        return min((client.after for client in self.clients if client.is_ready), default=0)

    @property
    def newest(self) -> int:
        """The number of the newest row that any viewer has."""
        return max((client.after for client in self.clients), default=0)

    @property
    def has_newcomer(self) -> bool:
        """Whether a viewer has seen no frame yet."""
        return any(client.has_nothing for client in self.clients)


class Hub:
    """Renders views for the clients of one event loop, in threads, while there are any.

    ``render`` and ``cursor`` block. They run in the hub's own threads: a receiver that hangs in one of the
    application's threads must not stop the page that shows it. They take a small share of one core in all: the more
    views there are, the less often each is rendered, and its page says so.
    """

    def __init__(
        self,
        render: Render,
        cursor: Callable[[], str],
        *,
        interval: float = TICK_SECONDS,
        refresh: float = REFRESH_SECONDS,
        max_views: int = MAX_VIEWS,
        max_clients: int = MAX_CLIENTS,
        budget: Budget | None = None,
    ) -> None:
        self._render = render
        self._cursor = cursor
        self._interval = interval
        self._refresh = refresh
        self._max_views = max_views
        self._max_clients = max_clients
        self.budget = budget or Budget()
        self._states: dict[View, _ViewState] = {}
        self._seen_cursor = ""
        self._ticked = asyncio.Event()
        self._ticking: asyncio.Task[None] | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._logged_at = -math.inf

    @property
    def is_running(self) -> bool:
        """Whether the hub has clients and renders for them."""
        return self._ticking is not None

    def join(self, view: View) -> Client:
        """Add a client; raises HubFull."""
        if view not in self._states and len(self._states) >= self._max_views:
            raise HubFull(f"{self._max_views} different views are being watched")
        if sum(len(state.clients) for state in self._states.values()) >= self._max_clients:
            raise HubFull(f"{self._max_clients} viewers are watching")
        client = Client(view)
        self._states.setdefault(view, _ViewState()).clients.add(client)
        if self._ticking is None:
            self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="signal-monitor-hub")
            self._ticking = asyncio.create_task(self._run(self._threads), name="signal-monitor-hub")
        return client

    def leave(self, client: Client) -> None:
        """Remove a client; the last one stops the hub."""
        state = self._states[client.view]
        state.clients.remove(client)
        if not state.clients:
            del self._states[client.view]
        if not self._states:
            self._stop()

    def _stop(self) -> None:
        if self._ticking and self._threads:
            self._ticking.cancel()
            self._threads.shutdown(wait=False)
        self._ticking = self._threads = None

    async def _run(self, threads: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        renderers = [asyncio.create_task(self._render_due(threads)) for _ in range(RENDERERS)]
        try:
            while True:
                tick_at = loop.time() + self._interval
                cursor, _cost = await self._spending(threads, self._cursor)
                # An error that makes the cursor unreadable also fails the rendering, which reports it.
                self._seen_cursor = "" if isinstance(cursor, BaseException) else cursor
                self._ticked.set()
                await asyncio.sleep(max(0.0, tick_at - loop.time()))
        finally:
            for renderer in renderers:
                renderer.cancel()

    async def _render_due(self, threads: ThreadPoolExecutor) -> None:
        """Render one due view after the other, as far as the budget goes."""
        await self._ticked.wait()
        while True:
            wait = self.budget.wait_seconds()
            if wait > 0:
                await asyncio.sleep(min(wait, REFRESH_SECONDS))
            elif (due := self._next_due()) is not None:
                await self._render_view(*due, threads)
            else:
                self._ticked.clear()
                await self._ticked.wait()

    def _next_due(self) -> tuple[View, _ViewState] | None:
        """Of the views that are due, one that has a new viewer; else the one that was rendered longest ago."""
        now = asyncio.get_running_loop().time()
        due = [item for item in self._states.items() if item[1].is_due(self._seen_cursor, now, self._refresh)]
        return min(due, key=lambda item: (not item[1].has_newcomer, item[1].rendered_at), default=None)

    async def _render_view(self, view: View, state: _ViewState, threads: ThreadPoolExecutor) -> None:
        state.cursor, state.rendered_at = self._seen_cursor, asyncio.get_running_loop().time()
        state.is_rendering = True
        try:
            rendering, state.cost = await self._rendering(threads, replace(view, after=state.after))
            if isinstance(rendering, Rendering) and rendering.last < state.newest and not rendering.anew:
                # The store was emptied, which a viewer who had few rows does not show.
                rendering, more = await self._rendering(threads, replace(view, after=state.newest))
                state.cost += more
        finally:
            state.is_rendering = False
        if isinstance(rendering, BaseException):
            self._log(rendering)
            last = max((client.after for client in state.clients), default=0)  # each viewer keeps its place
            rendering = Rendering({NOTICE: notice(_reason(rendering))}, last=last)
        else:
            state.seconds = rendering.seconds
            rendering = rendering.with_part(NOTICE, notice(pace(self._round_seconds())))
        for client in state.clients:
            client.offer(rendering)

    async def _rendering(self, threads: ThreadPoolExecutor, view: View) -> tuple[Rendering | BaseException, float]:
        return await self._spending(threads, partial(self._render, view))

    def _round_seconds(self) -> float:
        """How long it takes to render every view once."""
        return sum(state.cost for state in self._states.values()) / self.budget.share

    async def _spending(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> tuple[T | BaseException, float]:
        """Run work in a thread; its result or exception, and the processor time that it took of the budget."""
        spent: list[float] = []
        result = await _run_in_thread(threads, partial(_timed, work, spent))
        self.budget.spend(sum(spent))
        return result, sum(spent)

    def _log(self, error: BaseException) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._logged_at >= LOG_SECONDS:
            self._logged_at = now
            logger.error("The signal monitor cannot render a page: %s", error, exc_info=error)


async def _run_in_thread(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T | BaseException:
    """Run work in a thread and return its result or its exception, so that an error does not stop the hub."""
    running = asyncio.get_running_loop().run_in_executor(threads, _unobserved, work)
    return (await asyncio.gather(running, return_exceptions=True))[0]


def _timed(work: Callable[[], T], spent: list[float]) -> T:
    before = time.thread_time()
    try:
        return work()
    finally:
        spent.append(time.thread_time() - before)


def _unobserved(work: Callable[[], T]) -> T:
    with suppressed():
        return work()


def _reason(error: BaseException) -> str:
    if isinstance(error, StoreError):
        return cleaned(f"The store cannot be read: {error}", MAX_LINE)
    return "This page cannot be rendered. The server's log has the error."


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def current_hub() -> Hub:
    """The hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(render, lambda: get_store().cursor(), budget=live_budget)
    return _hubs[loop]
