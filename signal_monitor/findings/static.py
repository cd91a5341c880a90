"""Runs the rules that need no records over what is connected in this process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from signal_monitor.errors import guarded
from signal_monitor.finding import Finding, to_json

from .base import RegistryRule
from .connected import LiveSignal, live_signals
from .rules import REGISTRY_RULES

_found_at: dict[str, float] = {}


def findings_here(*, certain: bool = False) -> list[Finding]:
    """What is wrong with the connections of this process; only what is ``certain``, if asked for."""
    return findings_among(tuple(live_signals()), certain=certain)


def findings_among(signals: Sequence[LiveSignal], *, certain: bool = False) -> list[Finding]:
    """What is wrong with these connections."""
    rules = [rule for rule in REGISTRY_RULES if rule.certain or not certain]
    by_id = {finding.id: finding for rule in rules for finding in _found_by(rule, signals)}
    return list(by_id.values())


def check_registry(signals: Sequence[LiveSignal]) -> list[str]:
    """The same as JSON, for the registry that a process stores, with the time when it was first found here."""
    found = findings_among(signals)
    known, now = dict(_found_at), time.time()
    _found_at.clear()  # what is gone and comes back is news
    _found_at.update({finding.id: known.get(finding.id, now) for finding in found})
    return [to_json(replace(finding, first_seen=_found_at[finding.id])) for finding in found]


@guarded("a rule of the findings", [])
def _found_by(rule: RegistryRule, signals: Sequence[LiveSignal]) -> list[Finding]:
    return list(rule.check(signals))
