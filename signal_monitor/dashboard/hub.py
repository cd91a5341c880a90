"""The hub: draws each view that somebody looks at once, and gives the frame to all who look at it."""

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

from signal_monitor.backstage import backstage
from signal_monitor.dashboard.pages import render_parts
from signal_monitor.dashboard.pages.base import View
from signal_monitor.stores import get_store
from signal_monitor.stores.base import StoreError

T = TypeVar("T")
Render = Callable[[View], str]

TICK_SECONDS = 0.25
REFRESH_SECONDS = 1.0
"""How old a frame may get while nothing is written: it says how long ago things were."""
MAX_VIEWS = 50
COMPLAINT_SECONDS = 60.0

logger = logging.getLogger("signal_monitor")


class HubFull(Exception):  # noqa: N818 - it says what is the matter, as asyncio.QueueFull does
    """As many different views as the hub draws are being looked at."""


class Client:
    """One viewer's place in the hub: the view, and a slot in which a newer frame replaces an older one.

    A frame that was taken is owed an acknowledgement. Frames that repeat the last one shown are passed over.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self._slot: str | None = None
        self._filled = asyncio.Event()
        self._shown: int | None = None
        self._owes = False
        self._paused = False

    @property
    def is_ready(self) -> bool:
        """Whether a new frame would leave at once."""
        return not (self._owes or self._paused)

    @property
    def has_nothing(self) -> bool:
        """Whether it needs a frame even if nothing has changed."""
        return self._shown is None

    def offer(self, frame: str) -> None:
        """Put a frame in the slot, in place of the one there."""
        if self._paused or hash(frame) == self._shown:
            self._empty()
        else:
            self._slot = frame
            self._filled.set()

    async def take(self) -> str:
        """Wait for a frame; it is owed an acknowledgement from now on."""
        while self._slot is None:
            await self._filled.wait()
        frame = self._slot
        self._empty()
        self._shown = hash(frame)
        self._owes = True
        return frame

    def acknowledge(self, *, shown: bool = True) -> None:
        """Note that the frame taken has arrived; one that was not shown may be repeated."""
        self._owes = False
        if not shown:
            self._shown = None

    def pause(self, *, paused: bool) -> None:
        """Want no frames, or want them again."""
        self._paused = paused
        self._shown = None
        self._empty()

    def _empty(self) -> None:
        self._slot = None
        self._filled.clear()


class _Scene:
    """One distinct view: who looks at it, and when and from what it was last drawn."""

    def __init__(self) -> None:
        self.clients: set[Client] = set()
        self.cursor: str | None = None
        self.drawn_at = -math.inf
        self.drawing: asyncio.Task[None] | None = None

    def is_due(self, cursor: str, drawn_before: float) -> bool:
        """Whether to draw it: it would reach somebody, and would show something new."""
        ready = [client for client in self.clients if client.is_ready]
        if not ready or (self.drawing and not self.drawing.done()):
            return False
        is_old = cursor != self.cursor or self.drawn_at <= drawn_before
        return is_old or any(client.has_nothing for client in ready)

    def stop(self) -> None:
        if self.drawing:
            self.drawing.cancel()


class Hub:
    """Draws views for the clients of one event loop, off that loop, while there are any.

    ``render`` and ``cursor`` block and run in threads of the hub's own: a receiver that hangs in one of the threads
    that the application shares must not stop the page that shows it.
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
        self._scenes: dict[View, _Scene] = {}
        self._ticking: asyncio.Task[None] | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._complained_at = -math.inf

    @property
    def is_running(self) -> bool:
        """Whether the hub ticks."""
        return self._ticking is not None

    def join(self, view: View) -> Client:
        """Take in a client; raises HubFull."""
        if view not in self._scenes and len(self._scenes) >= self._max_views:
            raise HubFull(f"{self._max_views} different views are being looked at")
        client = Client(view)
        self._scenes.setdefault(view, _Scene()).clients.add(client)
        if self._ticking is None:
            self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="signal-monitor-hub")
            self._ticking = asyncio.create_task(self._run(self._threads), name="signal-monitor-hub")
        return client

    def leave(self, client: Client) -> None:
        """Let a client go; the last one stops the hub."""
        scene = self._scenes[client.view]
        scene.clients.remove(client)
        if not scene.clients:
            scene.stop()
            del self._scenes[client.view]
        if not self._scenes:
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
            cursor = await _outcome(threads, self._cursor)
            # What makes the cursor unreadable is told by the drawing, which fails alike.
            self._draw_due("" if isinstance(cursor, BaseException) else cursor, loop.time(), threads)
            await asyncio.sleep(max(0.0, tick_at - loop.time()))

    def _draw_due(self, cursor: str, now: float, threads: ThreadPoolExecutor) -> None:
        for view, scene in self._scenes.items():
            if scene.is_due(cursor, now - self._refresh):
                scene.cursor, scene.drawn_at = cursor, now
                scene.drawing = asyncio.create_task(self._draw(view, scene, threads))

    async def _draw(self, view: View, scene: _Scene, threads: ThreadPoolExecutor) -> None:
        drawn = await _outcome(threads, partial(self._render, view))
        if isinstance(drawn, BaseException):
            self._complain(drawn)
            frame = notice(_reason(drawn))
        else:
            frame = notice() + drawn
        for client in scene.clients:
            client.offer(frame)

    def _complain(self, error: BaseException) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._complained_at >= COMPLAINT_SECONDS:
            self._complained_at = now
            logger.error("The signal monitor cannot render a page: %s", error, exc_info=error)


async def _outcome(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T | BaseException:
    """What work gives or raises in a thread: whatever goes wrong there, the hub goes on."""
    running = asyncio.get_running_loop().run_in_executor(threads, _unobserved, work)
    return (await asyncio.gather(running, return_exceptions=True))[0]


def _unobserved(work: Callable[[], T]) -> T:
    with backstage():
        return work()


def _reason(error: BaseException) -> str:
    if isinstance(error, StoreError):
        return f"The store cannot be read: {error}"
    return "This page cannot be rendered. The server's log has the error."


def notice(text: str = "") -> str:
    """The fragment that says what is wrong; without text it takes the last one away."""
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
