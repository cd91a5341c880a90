"""The hub renders each view once for all its viewers, while it has any."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar
from weakref import WeakKeyDictionary

from django.utils.html import format_html

from signal_monitor.dashboard.pages import render_parts
from signal_monitor.dashboard.pages.base import View
from signal_monitor.pipeline.suppression import suppressed
from signal_monitor.stores import get_store
from signal_monitor.stores.base import StoreError
from signal_monitor.text import MAX_LINE, cleaned, encodable

T = TypeVar("T")
Render = Callable[[View], str]

TICK_SECONDS = 0.25
REFRESH_SECONDS = 1.0
"""How old a frame may get while nothing is written: its ages go out of date."""
MAX_VIEWS = 50
LOG_SECONDS = 60.0

logger = logging.getLogger("signal_monitor")


class HubFull(Exception):  # noqa: N818 - named like asyncio.QueueFull
    """The hub already renders its maximum number of different views."""


class Client:
    """One viewer: the view, and a slot in which a newer frame replaces an older one.

    The viewer acknowledges each frame before it gets the next. Frames equal to the last one shown are skipped.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self._slot: str | None = None
        self._filled = asyncio.Event()
        self._shown: int | None = None
        self._awaits_ack = False
        self._paused = False

    @property
    def is_ready(self) -> bool:
        """Whether a new frame would be sent at once."""
        return not (self._awaits_ack or self._paused)

    @property
    def has_nothing(self) -> bool:
        """Whether the viewer needs a frame even if nothing has changed."""
        return self._shown is None

    def offer(self, frame: str) -> None:
        """Put a frame in the slot, replacing the one there."""
        if self._paused or hash(frame) == self._shown:
            self._empty()
        else:
            self._slot = frame
            self._filled.set()

    async def take(self) -> str:
        """Wait for a frame; the viewer has to acknowledge it."""
        while self._slot is None:
            await self._filled.wait()
        frame = self._slot
        self._empty()
        self._shown = hash(frame)
        self._awaits_ack = True
        return frame

    def acknowledge(self, *, shown: bool = True) -> None:
        """Note that the frame has arrived; one that was not shown may be sent again."""
        self._awaits_ack = False
        if not shown:
            self._shown = None

    def pause(self, *, paused: bool) -> None:
        """Stop or resume frames."""
        self._paused = paused
        self._shown = None
        self._empty()

    def _empty(self) -> None:
        self._slot = None
        self._filled.clear()


class _ViewState:
    """One distinct view: its viewers, and when and from which state of the store it was last rendered."""

    def __init__(self) -> None:
        self.clients: set[Client] = set()
        self.cursor: str | None = None
        self.rendered_at = -math.inf
        self.rendering: asyncio.Task[None] | None = None

    def is_due(self, cursor: str, rendered_before: float) -> bool:
        """Whether to render it: a viewer is ready for it and would see something new."""
        ready = [client for client in self.clients if client.is_ready]
        if not ready or (self.rendering and not self.rendering.done()):
            return False
        is_old = cursor != self.cursor or self.rendered_at <= rendered_before
        return is_old or any(client.has_nothing for client in ready)

    def stop(self) -> None:
        if self.rendering:
            self.rendering.cancel()


class Hub:
    """Renders views for the clients of one event loop, in threads, while there are any.

    ``render`` and ``cursor`` block. They run in the hub's own threads: a receiver that hangs in one of the
    application's threads must not stop the page that shows it.
    """

    def __init__(
        self,
        render: Render,
        cursor: Callable[[], str],
        *,
        interval: float = TICK_SECONDS,
        refresh: float = REFRESH_SECONDS,
        max_views: int = MAX_VIEWS,
    ) -> None:
        self._render = render
        self._cursor = cursor
        self._interval = interval
        self._refresh = refresh
        self._max_views = max_views
        self._states: dict[View, _ViewState] = {}
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
            state.stop()
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
        while True:
            tick_at = loop.time() + self._interval
            cursor = await _run_in_thread(threads, self._cursor)
            # An error that makes the cursor unreadable also fails the rendering, which reports it.
            self._render_due("" if isinstance(cursor, BaseException) else cursor, loop.time(), threads)
            await asyncio.sleep(max(0.0, tick_at - loop.time()))

    def _render_due(self, cursor: str, now: float, threads: ThreadPoolExecutor) -> None:
        for view, state in self._states.items():
            if state.is_due(cursor, now - self._refresh):
                state.cursor, state.rendered_at = cursor, now
                state.rendering = asyncio.create_task(self._render_view(view, state, threads))

    async def _render_view(self, view: View, state: _ViewState, threads: ThreadPoolExecutor) -> None:
        html = await _run_in_thread(threads, partial(self._render, view))
        if isinstance(html, BaseException):
            self._log(html)
            frame = notice(_reason(html))
        else:
            frame = notice() + encodable(html)
        for client in state.clients:
            client.offer(frame)

    def _log(self, error: BaseException) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._logged_at >= LOG_SECONDS:
            self._logged_at = now
            logger.error("The signal monitor cannot render a page: %s", error, exc_info=error)


async def _run_in_thread(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T | BaseException:
    """Run work in a thread and return its result or its exception, so that an error does not stop the hub."""
    running = asyncio.get_running_loop().run_in_executor(threads, _unobserved, work)
    return (await asyncio.gather(running, return_exceptions=True))[0]


def _unobserved(work: Callable[[], T]) -> T:
    with suppressed():
        return work()


def _reason(error: BaseException) -> str:
    if isinstance(error, StoreError):
        return cleaned(f"The store cannot be read: {error}", MAX_LINE)
    return "This page cannot be rendered. The server's log has the error."


def notice(text: str = "") -> str:
    """The element that shows an error; without text it hides the last one."""
    if not text:
        return '<div id="sm-notice" class="notice" hidden hx-swap-oob="true"></div>'
    return format_html('<div id="sm-notice" class="notice" role="status" hx-swap-oob="true">{}</div>', text)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def current_hub() -> Hub:
    """The hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(render_parts, lambda: get_store().cursor())
    return _hubs[loop]
