"""The websocket of the live pages: it checks access and sends one frame at a time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import close_old_connections

from signal_monitor.dashboard.access import may_view
from signal_monitor.dashboard.addresses import base_of_socket
from signal_monitor.dashboard.client import Client
from signal_monitor.dashboard.frames import marker
from signal_monitor.dashboard.handshake import NO_ACCESS as NO_ACCESS_REASON
from signal_monitor.dashboard.handshake import Scope, reason_against, report_refusal, request_of
from signal_monitor.dashboard.hub import LOG_SECONDS, Hub, HubFull, current_hub
from signal_monitor.dashboard.pages import view_of
from signal_monitor.dashboard.pages.base import UnknownPage, View
from signal_monitor.pipeline.suppression import untraced

if TYPE_CHECKING:
    from asgiref.typing import ASGIReceiveCallable, ASGISendCallable
    from channels.consumer import _ChannelScope

SILENT_SECONDS = 10.0
RECHECK_SECONDS = 15.0
HEARTBEAT_SECONDS = 5.0
MAX_MESSAGE = 200
CLOSE_SECONDS = 5.0
MAX_SENDING_SECONDS = 0.05
"""Processor time that the sending of one frame counts for at most: other tasks may have run meanwhile."""

# Close codes, in the range that is free for applications (Daphne sends no code below 3000 but 1000); the last digits
# are HTTP's. live.js reconnects after the first two, and not after the others.
SILENT = 4408
TRY_LATER = 4503
MISUSE = 4400
NO_ACCESS = 4403
NO_SUCH_PAGE = 4404
TOO_BIG = 4413
TOO_MANY = 4429
REASONS = {
    SILENT: "it does not read or acknowledge what it is sent",
    MISUSE: "it sends something else than acknowledgements",
    TOO_BIG: "it sends messages that are too big",
    TOO_MANY: "it sends too many messages",
}

logger = logging.getLogger("signal_monitor")


class LiveConsumer(AsyncWebsocketConsumer):
    """Sends the frames of one view, each after the browser has acknowledged the last one.

    The query string names the page and its parameters. A message to the browser is a frame whose last element carries
    its number; messages from it are ``{"ack": number}``, with ``"shown": false`` if a part of the frame was not
    swapped in, and ``{"paused": true}`` or ``{"paused": false}``.
    """

    # No such layer exists: the live pages need none, and must work while the project's channel layer is down.
    channel_layer_alias = ""

    def __init__(
        self,
        hub: Callable[[], Hub] = current_hub,
        silent_seconds: float = SILENT_SECONDS,
        recheck_seconds: float = RECHECK_SECONDS,
    ) -> None:
        super().__init__()
        self._hub_of_loop = hub
        self._silent_seconds = silent_seconds
        self._recheck_seconds = recheck_seconds
        self._client: Client | None = None
        self._serving: asyncio.Task[None] | None = None
        self._awaited = 0
        self._abandoned = False
        self._acknowledged = asyncio.Event()
        self._unasked = MessageLimit()
        self._main: asyncio.Task[Any] | None = None
        self._misuse: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def __call__(self, scope: _ChannelScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one socket without observing or tracing it."""
        self._main = asyncio.current_task()
        with untraced():
            try:
                await super().__call__(scope, receive, send)
            except asyncio.CancelledError:
                if self._was_abandoned():
                    return
                # The server is stopping. A browser that gets this code reconnects when it is up again.
                with contextlib.suppress(OSError):
                    await self.close(TRY_LATER)
                raise
            finally:
                self._leave()

    def _was_abandoned(self) -> bool:
        """Whether this task was cancelled because its client takes not even a close."""
        return self._abandoned and self._main is not None and self._main.uncancel() == 0

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle a message as Channels does, but not in the thread that all synchronous code shares.

        A receiver that hangs in that thread must not stop the page that shows it.
        """
        await getattr(self, get_handler_name(message))(message)

    async def websocket_disconnect(self, message: object) -> None:
        """Stop the consumer, again without the shared thread."""
        raise StopConsumer

    async def connect(self) -> None:
        """Accept viewers who have access.

        Other pages and anonymous clients get no socket but a 403. Only viewers with access get a close code that says
        why a socket ends.
        """
        if not await self._may_connect():
            await self.close()
            return
        await self.accept()
        try:
            self._client = self._hub_of_loop().join(_view_of(dict(self.scope)))
        except UnknownPage:
            await self.close(NO_SUCH_PAGE)
        except HubFull:
            await self.close(TRY_LATER)
        else:
            self._serving = asyncio.create_task(self._serve(self._client))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Handle an acknowledgement or a pause; anything else ends the socket."""
        size = len(text_data or bytes_data or "")
        if self._client is None or self._misuse.done():
            return
        if size > MAX_MESSAGE:
            self._misuse.set_result(TOO_BIG)
        elif (problem := self._handle(self._client, _parse(text_data))) is not None:
            self._misuse.set_result(problem)

    def _handle(self, client: Client, message: object) -> int | None:
        """Do what a message says; the code to close with, if it is none or one too many."""
        match message:
            case {"ack": int(number), **rest}:
                if number == self._awaited and not self._acknowledged.is_set():
                    client.acknowledge(shown=rest.get("shown") is not False)
                    self._acknowledged.set()
                    return None
            case {"paused": bool(paused)}:
                client.pause(paused=paused)
            case _:
                return MISUSE
        return None if self._unasked.admits() else TOO_MANY

    async def _serve(self, client: Client) -> None:
        """Serve the client until something ends it, and close with a code that says why."""
        jobs = {asyncio.create_task(self._send_frames(client)), asyncio.create_task(self._recheck()), self._misuse}
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for job in jobs:
                job.cancel()
        ended = done.pop()
        error = ended.exception()
        if isinstance(error, OSError):
            return  # by the ASGI specification: the client has disconnected, and its message will follow
        if error:
            logger.error("The signal monitor's live page ended: %s", error, exc_info=error)
        code = TRY_LATER if error else ended.result()
        _log_closed(code)
        with contextlib.suppress(OSError):
            await self._close_in_time(code)

    async def _close_in_time(self, code: int) -> None:
        """Close, and end the socket without a close if the server still waits for the client to read."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.close(code)
        except TimeoutError:
            self._abandoned = True
            if self._main is not None:
                self._main.cancel()

    async def _send_frames(self, client: Client) -> int:
        """Send frames until one is not acknowledged in time."""
        try:
            while True:
                frame = await self._next_frame(client)
                self._awaited += 1
                self._acknowledged.clear()
                async with asyncio.timeout(self._silent_seconds):
                    with self._hub_of_loop().budget.measured(at_most=MAX_SENDING_SECONDS):
                        await self.send(text_data=f"{frame}{marker(self._awaited)}")
                    await self._acknowledged.wait()
        except TimeoutError:
            return SILENT

    async def _next_frame(self, client: Client) -> str:
        """The next frame; an empty one if there was none for a while: a page that gets nothing takes us for dead."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    return await client.take()
            if not client.is_paused:
                return ""

    async def _recheck(self) -> int:
        """Check repeatedly whether the viewer still has access."""
        while True:
            await asyncio.sleep(self._recheck_seconds)
            if not await self._may_connect():
                return NO_ACCESS

    async def _may_connect(self) -> bool:
        return await asyncio.to_thread(_may_connect, dict(self.scope))

    def _leave(self) -> None:
        self._misuse.cancel()
        if self._serving:
            self._serving.cancel()
        if self._client:
            self._hub_of_loop().leave(self._client)


class MessageLimit:
    """How many messages a client may send that nothing has asked it for, such as pauses."""

    MAX_MESSAGES = 20
    SECONDS = 10.0

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._count = 0

    def admits(self) -> bool:
        """Count a message; whether it may be sent."""
        now = time.monotonic()
        if now - self._since >= self.SECONDS:
            self._since, self._count = now, 0
        self._count += 1
        return self._count <= self.MAX_MESSAGES


_logged_at: dict[int, float] = {}


def _log_closed(code: int) -> None:
    """Log why a socket is closed, once a minute for each reason."""
    now = time.monotonic()
    if code in REASONS and now - _logged_at.get(code, -math.inf) >= LOG_SECONDS:
        _logged_at[code] = now
        logger.warning("A live page of the signal monitor was closed, because %s.", REASONS[code])


def _may_connect(scope: Scope) -> bool:
    """Whether Host, Origin and the access rule, in this order, allow a handshake; blocking. The log says why not."""
    close_old_connections()
    try:
        request = request_of(scope)
        reason = reason_against(request) or ("" if may_view(request) else NO_ACCESS_REASON)
    except UnicodeDecodeError:
        reason = "its query string is malformed"
    finally:
        close_old_connections()
    if reason:
        report_refusal(reason)
    return not reason


def _view_of(scope: Scope) -> View:
    params = request_of(scope).GET.dict()
    view = view_of(str(params.pop("page", "")), {key: str(value) for key, value in params.items()})
    return replace(view, base=base_of_socket(scope))


def _parse(text: str | None) -> object:
    try:
        return json.loads(text or "")
    except ValueError:
        return None
