"""What is wrong with the signals of a project for certain, without running it, as messages of system checks."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.core.checks import CheckMessage, Info, Warning  # noqa: A004 - Django's name for it

from signal_monitor.errors import done_for_each
from signal_monitor.finding import Finding
from signal_monitor.problem import TAG
from signal_monitor.registry.connect_calls import failed_disconnects, taken_uids
from signal_monitor.registry.records import Registry

from .rules import NOTED_RULES
from .silencing import unsilenced
from .snapshot import Snapshot
from .static import findings_here


def messages() -> list[CheckMessage]:
    """What the rules find that are certain."""
    found = unsilenced([*findings_here(certain=True), *_noted()])
    return done_for_each("a finding's message", _message, found)


def _noted() -> Iterator[Finding]:
    """What ``connect()`` and ``disconnect()`` did not do in this process."""
    registry = Registry("", time.time(), taken_uids=taken_uids(), failed_disconnects=failed_disconnects())
    snapshot = Snapshot(registries=[registry])
    for findings in done_for_each("a rule of the findings", lambda rule: list(rule.check(snapshot)), NOTED_RULES):
        yield from findings


def _message(finding: Finding) -> CheckMessage:
    kind = Info if finding.level == "hint" else Warning
    return kind(_plain(finding.message), hint=_plain(finding.advice), id=f"{TAG}.{finding.code}")


def _plain(text: str) -> str:
    return text.replace("`", "")
