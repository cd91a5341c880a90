"""Who sends the signals that find no receiver, and from where.

Each of these sends is counted, and only few are looked at: the first ones of a signal, and then one a second. The hot
path pays nothing for that: ``look_again`` takes the count of a signal away, so that its next send has to come by here.
"""

from __future__ import annotations

from os import sep
from pathlib import Path
from threading import Lock
from time import monotonic
from types import CodeType

import django

from signal_monitor import names
from signal_monitor.errors import guarded
from signal_monitor.records import MAX_SITES

from .capture import caller_lines
from .info import OTHER, Lines, OrphanSender, SignalInfo

FIRST_SENDS = 20
LOOK_SECONDS = 1.0
MAX_SENDERS = 20
DJANGO = f"{Path(django.__file__).parent}{sep}"
_restoring = Lock()


def renew_lock() -> None:
    """Have a lock that nobody holds, in a forked child."""
    global _restoring
    _restoring = Lock()


@guarded("the sender of a dispatch without receivers", None, in_send=True)
def note_orphan(info: SignalInfo, sender: object, *, is_name: bool = False) -> None:
    """Note who has sent a signal that found no receiver, unless enough was seen of it.

    ``sender`` is the object that was given, or its name (``is_name``).
    """
    now = monotonic()
    if info.orphans_noted >= FIRST_SENDS:
        _restore_count(info)
        if now - info.orphan_noted_at < LOOK_SECONDS:
            return
    info.orphan_noted_at = now
    info.orphans_noted += 1
    noted = orphan_sender(info, str(sender) if is_name else names.sender_name(sender))
    noted.noted += 1
    note_site(noted)


def orphan_sender(info: SignalInfo, name: str) -> OrphanSender:
    """What is known about a sender of a signal, by its name; many are one."""
    if name not in info.orphan_senders and len(info.orphan_senders) >= MAX_SENDERS:
        name = OTHER
    return info.orphan_senders.setdefault(name, OrphanSender(name))


def note_site(noted: OrphanSender) -> None:
    """Note the line that sends."""
    lines = caller_lines()
    line = _innermost(lines)
    if line is not None and (line in noted.sites or len(noted.sites) < MAX_SITES):
        noted.sites[line] = lines


def _innermost(lines: Lines) -> tuple[CodeType, int] | None:
    """The innermost line that is not Django's."""
    for line in reversed(lines):  # no generator: what a signal handler raises while one is closed is lost
        if not line[0].co_filename.startswith(DJANGO):
            return line
    return None


def _restore_count(info: SignalInfo) -> None:
    """Let the sends of a signal be counted without being looked at.

    Of several threads, one does; it does not wait for another one, because a signal may be sent while a lock is held.
    """
    signal_state = info.signal_state()
    if signal_state is None or not _restoring.acquire(blocking=False):
        return
    try:
        if not hasattr(signal_state, "orphans"):
            signal_state.orphans = 0
    finally:
        _restoring.release()


def look_again(info: SignalInfo) -> None:
    """Have the next send of a signal that finds no receiver come by ``note_orphan``."""
    signal_state = info.signal_state()
    if signal_state is None:
        return
    if getattr(signal_state, "orphans", 0):
        # No other thread runs between these two: CPython switches at calls and at jumps back.
        info.orphans += signal_state.orphans
        del signal_state.orphans
    for place, plan in list(signal_state.plans.items()):
        if not plan.references:
            signal_state.plans.pop(place, None)
            return
