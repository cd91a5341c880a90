"""Notices that the ``SIGNAL_MONITOR`` setting was replaced, as tests do with ``override_settings``.

A receiver of ``setting_changed`` would be one that the application can see. Instead, the worker, a flush and the start
of a request compare the setting with the one that was followed last.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from .conf import current_value
from .faults import contained

WAIT_SECONDS = 5.0


class _Followed:
    """The value of the setting that is followed, and what starts anew when another takes its place."""

    restart: Callable[[], None] | None = None
    value: object = None
    noticed: object = None
    lock = threading.RLock()


def call_on_change(restart: Callable[[], None]) -> None:
    """Call a function when the setting has been replaced from now on."""
    _Followed.restart = restart
    _Followed.value = _Followed.noticed = current_value()


def follow_settings(*, wait: bool = True) -> None:
    """Start anew if the setting was replaced; otherwise this costs comparing two references.

    Where another thread is already doing so, it is waited for, unless ``wait`` is False.
    """
    if _Followed.restart is not None and current_value() is not _Followed.value:
        _follow(WAIT_SECONDS if wait else 0)


@contained("the change of the settings", None)
def _follow(wait_seconds: float) -> None:
    if not _Followed.lock.acquire(timeout=wait_seconds):
        return
    try:
        value = current_value()
        if _Followed.restart is None or value is _Followed.noticed:
            return
        _Followed.noticed = value  # before the restart, which flushes, and so comes here again
        try:
            _Followed.restart()
        finally:
            _Followed.value = value  # a wrong setting is reported once
    finally:
        _Followed.lock.release()
