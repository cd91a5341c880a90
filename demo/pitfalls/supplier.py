"""A supplier who does not answer the telephone."""

from __future__ import annotations

import threading
import time

from demo.pitfalls.models import Press
from demo.pitfalls.signals import supplier_called

PATIENCE_SECONDS = 60.0


class Supplier:
    """One call at a time, in a thread of its own, so that no request hangs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._let_go = threading.Event()
        self._caller: threading.Thread | None = None
        self._called_at = 0.0
        self._took_seconds: float | None = None

    def call(self) -> bool:
        """Begin a call; False if another one hangs already."""
        with self._lock:
            if self.hanging:
                return False
            self._let_go.clear()
            self._called_at, self._took_seconds = time.monotonic(), None
            self._caller = threading.Thread(target=self._send, name="calls-supplier", daemon=True)
            self._caller.start()
            return True

    def wait_for_answer(self) -> None:
        """Wait until the call is ended, at most PATIENCE_SECONDS."""
        self._let_go.wait(PATIENCE_SECONDS)

    def let_go(self) -> None:
        """End the call."""
        with self._lock:
            caller = self._caller
            self._let_go.set()
        if caller is not None:
            caller.join(1.0)

    @property
    def hanging(self) -> bool:
        """Whether there is a call."""
        return self._caller is not None and self._caller.is_alive()

    @property
    def hanging_seconds(self) -> float:
        """How long the current call has been hanging; 0 if there is none."""
        return time.monotonic() - self._called_at if self.hanging else 0.0

    @property
    def took_seconds(self) -> float | None:
        """How long the last call has taken; None if none has ended since the last one began."""
        return self._took_seconds

    def _send(self) -> None:
        supplier_called.send(sender=Press)
        self._took_seconds = time.monotonic() - self._called_at


supplier = Supplier()
