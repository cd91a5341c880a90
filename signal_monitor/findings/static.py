"""Runs the rules that need no records over what is connected in this process."""

from __future__ import annotations

from collections.abc import Sequence

from signal_monitor.errors import guarded
from signal_monitor.finding import Finding, to_json

from .base import RegistryRule
from .connected import LiveSignal, live_signals
from .rules import REGISTRY_RULES


def findings_here(*, certain: bool = False) -> list[Finding]:
    """What is wrong with the connections of this process; only what is ``certain``, if asked for."""
    return findings_among(tuple(live_signals()), certain=certain)


def findings_among(signals: Sequence[LiveSignal], *, certain: bool = False) -> list[Finding]:
    """What is wrong with these connections."""
    rules = [rule for rule in REGISTRY_RULES if rule.certain or not certain]
    by_id = {finding.id: finding for rule in rules for finding in _found_by(rule, signals)}
    return list(by_id.values())


def check_registry(signals: Sequence[LiveSignal]) -> list[str]:
    """The same as JSON, for the registry that a process stores."""
    return [to_json(finding) for finding in findings_among(signals)]


@guarded("a rule of the findings", [])
def _found_by(rule: RegistryRule, signals: Sequence[LiveSignal]) -> list[Finding]:
    return list(rule.check(signals))
