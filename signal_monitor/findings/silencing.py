"""Findings that the project has silenced."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from django.conf import settings

from signal_monitor.conf import get_config
from signal_monitor.finding import Finding
from signal_monitor.names.patterns import matches
from signal_monitor.problem import TAG


def unsilenced(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that neither SILENCED_SYSTEM_CHECKS nor SILENCED_FINDINGS names."""
    rules, patterns = frozenset(settings.SILENCED_SYSTEM_CHECKS), get_config().SILENCED_FINDINGS
    return [
        finding
        for finding in findings
        if f"{TAG}.{finding.code}" not in rules and not any(_matches(finding, pattern) for pattern in patterns)
    ]


def _matches(finding: Finding, pattern: str) -> bool:
    """Whether "code:subject" matches; the code may be the name of the rule, and both may have a ``*``."""
    rule, _, subject = pattern.partition(":")
    is_rule = fnmatchcase(finding.code, rule.upper()) or fnmatchcase(finding.name, rule)
    return is_rule and matches(finding.subject, subject or "*")
