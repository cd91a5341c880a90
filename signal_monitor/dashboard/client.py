"""One viewer of a live page: what it has been sent, and what it gets next."""

from __future__ import annotations

import asyncio

from signal_monitor.dashboard.frames import Rendering, changed, digests, first_rows, rows_html
from signal_monitor.dashboard.pages.base import View


class Client:
    """One viewer: the view, and a slot in which a newer rendering replaces an older one.

    The viewer acknowledges each frame before it gets the next. A frame has the parts that differ from those that the
    viewer was sent, and the rows that it was not sent.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.after = view.after
        self._slot: Rendering | None = None
        self._filled = asyncio.Event()
        self._sent: dict[str, str] = {}
        self._before: tuple[dict[str, str], int] | None = None
        self._awaits_ack = False
        self.is_paused = False

    @property
    def is_ready(self) -> bool:
        """Whether a new frame would be sent at once."""
        return not (self._awaits_ack or self.is_paused)

    @property
    def has_nothing(self) -> bool:
        """Whether the viewer needs a frame even if nothing has changed."""
        return not self._sent and self._slot is None

    def offer(self, rendering: Rendering) -> None:
        """Put a rendering in the slot, replacing the one there."""
        if rendering.anew or self.after > rendering.last:
            self.after = 0
        if self.is_paused or not self._has_news(rendering):
            self._empty()
        else:
            self._slot = rendering
            self._filled.set()

    def _has_news(self, rendering: Rendering) -> bool:
        return bool(changed(rendering.parts, self._sent)) or any(number > self.after for number, _ in rendering.rows)

    async def take(self) -> str:
        """Wait for a frame; the viewer has to acknowledge it."""
        while self._slot is None:
            await self._filled.wait()
        rendering = self._slot
        rows, are_left = first_rows(rendering.rows, self.after)
        html = changed(rendering.parts, self._sent)
        self._before = self._sent, self.after
        self._sent = {**self._sent, **digests(rendering.parts)}
        if rows:
            self.after = rows[0][0]
        if not are_left:
            self._empty()
        self._awaits_ack = True
        return html + rows_html(rows, self.after)

    def acknowledge(self, *, shown: bool = True) -> None:
        """Note that the frame has arrived; what was not shown is sent again."""
        self._awaits_ack = False
        if not shown and self._before is not None:
            self._sent, self.after = self._before
        self._before = None

    def pause(self, *, paused: bool) -> None:
        """Stop or resume frames; the first one after a pause has all parts."""
        self.is_paused = paused
        self._sent = {}
        self._empty()

    def _empty(self) -> None:
        self._slot = None
        self._filled.clear()
