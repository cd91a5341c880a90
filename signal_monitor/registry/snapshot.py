"""Take the registry of this process: what is connected, as records."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from signal_monitor import names
from signal_monitor.scrubbing import scrub

from .connect_calls import dead_receivers, failed_disconnects, taken_uids, turned_off_receivers
from .live import LiveConnection, LiveSignal, live_signals
from .records import Connection, RegisteredSignal, Registry
from .search import find_signals

MAX_SIGNALS = 2_000
MAX_CONNECTIONS = 5_000
"""Connections of all signals that a registry has; the others are counted."""

RegistryCheck = Callable[[Sequence[LiveSignal]], Iterable[str]]
"""Looks for what is wrong with what is connected, and gives each finding as JSON."""


def _no_findings(_signals: Sequence[LiveSignal]) -> Iterable[str]:
    return ()


class _Checks:
    """What looks at the registry whenever it is taken."""

    check: RegistryCheck = staticmethod(_no_findings)


def check_with(check: RegistryCheck = _no_findings) -> None:
    """Have a function look at the signals whenever the registry is taken."""
    _Checks.check = staticmethod(check)


def take_registry(process_id: str, senders: Mapping[str, Mapping[str, int]] | None = None) -> Registry:
    """What is connected in this process now; ``senders`` are those with which each signal was sent."""
    live = list(live_signals())
    # Those with receivers first, so that they are not the ones that are left out.
    chosen = sorted(live, key=lambda signal: not signal.connections)[:MAX_SIGNALS]
    left = MAX_CONNECTIONS
    signals: list[RegisteredSignal] = []
    for signal in chosen:
        listed = signal.connections[:left]
        left -= len(listed)
        signals.append(
            RegisteredSignal(
                name=signal.name,
                connections=tuple(map(_record, listed)),
                left_out=len(signal.connections) - len(listed),
                senders=dict((senders or {}).get(signal.name, {})),
            )
        )
    return Registry(
        process=process_id,
        taken_at=time.time(),
        signals=tuple(sorted(signals, key=lambda signal: signal.name)),
        signals_left_out=len(live) - len(chosen),
        taken_uids=taken_uids(),
        failed_disconnects=failed_disconnects(),
        died=dead_receivers(),
        turned_off=turned_off_receivers(signals),
        findings=tuple(_Checks.check(live)),
    )


def _record(live: LiveConnection) -> Connection:
    return Connection(
        receiver=live.name,
        sender=live.sender_name,
        sender_type=live.sender_type,
        module=live.module,
        app=live.app,
        path=live.path,
        line=live.line,
        weak=live.weak,
        is_async=live.is_async,
        dispatch_uid=_uid_text(live.dispatch_uid),
        order=live.order,
        dead=live.dead,
        pending=live.pending,
        connected=live.connected,
    )


def _uid_text(uid: object | None) -> str | None:
    """A ``dispatch_uid`` as text; one of any other kind than text and numbers by its class."""
    if type(uid) is tuple:
        return names.shortened(scrub(f"({', '.join(names.sender_name(item) for item in uid)})"))
    return None if uid is None else scrub(names.sender_name(uid))


def fingerprint() -> int:
    """A number that is another one after a change of ``Signal.receivers``, by ``connect`` or by hand."""
    found = ((id(signal), signal.__dict__.get("receivers")) for signal in find_signals())
    return hash(tuple((key, tuple(map(id, entries))) for key, entries in found if type(entries) is list and entries))
