"""Notices that the ``SIGNAL_MONITOR`` setting was replaced, as by ``override_settings`` in tests.

The application could see a receiver of ``setting_changed``. Instead, the worker, a flush and the start of a request
compare the setting with its last known value.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from .conf import current_value
from .errors import guarded

WAIT_SECONDS = 5.0


class _Followed:
    """The last known value of the setting, and the function to call when it is replaced."""

    restart: Callable[[], None] | None = None
    value: object = None
    restarting = False
    lock = threading.RLock()


def call_on_change(restart: Callable[[], None]) -> None:
    """Call a function when the setting is replaced from now on."""
    _Followed.restart = restart
    _Followed.value = current_value()


def follow_settings(*, wait: bool = True) -> None:
    """Restart if the setting was replaced; otherwise this only compares two references.

    If another thread is restarting, wait for it, unless ``wait`` is False.
    """
    if _Followed.restart is not None and current_value() is not _Followed.value:
        _follow(WAIT_SECONDS if wait else 0)


@guarded("the change of the settings", None)
def _follow(wait_seconds: float) -> None:
    if not _Followed.lock.acquire(timeout=wait_seconds):
        return
    try:
        if not _Followed.restarting:  # a restart flushes, which calls this function again
            _restart_until_current()
    finally:
        _Followed.lock.release()


def _restart_until_current() -> None:
    """Restart, and again if the setting was replaced meanwhile."""
    _Followed.restarting = True
    try:
        while _Followed.restart is not None and (value := current_value()) is not _Followed.value:
            try:
                _Followed.restart()
            finally:
                _Followed.value = value  # a wrong setting is reported once
    finally:
        _Followed.restarting = False
