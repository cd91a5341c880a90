"""Leaves out findings whose cause is gone."""

from __future__ import annotations

import math
from collections.abc import Iterable

from signal_monitor.finding import Finding
from signal_monitor.records import Process

from .snapshot import Snapshot


def unmended(findings: Iterable[Finding], snapshot: Snapshot) -> list[Finding]:
    """The findings that a later start of the same program has not shown to be gone."""
    return [finding for finding in findings if not _is_mended(finding, snapshot)]


def _is_mended(finding: Finding, snapshot: Snapshot) -> bool:
    """Whether later processes did the same so often without it that it would have been seen again."""
    known = [snapshot.process_by_id[name] for name in finding.processes if name in snapshot.process_by_id]
    newer = _started_later(known, snapshot.processes)
    if not newer:
        return False
    left_out = [process.id for process in snapshot.processes if process.id not in newer]
    later = snapshot.newer_count(finding.subject_kind, finding.subject, left_out)
    earlier = snapshot.newer_count(finding.subject_kind, finding.subject, sorted(newer))
    expected_each = max(1.0, earlier / max(1, finding.count))
    return later >= (1 if expected_each <= 1 else math.ceil(2 * expected_each))


def _started_later(known: Iterable[Process], processes: Iterable[Process]) -> set[str]:
    """Processes of the same program that were started after all that a finding was seen in."""
    seen = list(known)
    if not seen:
        return set()
    latest = max(process.started_at for process in seen)
    titles = {process.title for process in seen}
    return {process.id for process in processes if process.title in titles and process.started_at > latest}
