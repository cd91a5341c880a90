"""Leaves out findings whose cause is gone."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable

from signal_monitor.errors import guarded
from signal_monitor.finding import Finding
from signal_monitor.records import Dispatch, Process, Request

from .snapshot import Snapshot

DIGITS = re.compile(r"\d+")
Occasion = tuple[str, ...]
"""What has to happen for a finding to be seen: a request of a path, or a dispatch of a signal and sender."""


def unmended(findings: Iterable[Finding], snapshot: Snapshot) -> list[Finding]:
    """The findings that a later start of the same program has not shown to be gone."""
    return [finding for finding in findings if not _is_mended(finding, snapshot)]


@guarded("the look whether a finding is mended", False)  # noqa: FBT003 - the fallback
def _is_mended(finding: Finding, snapshot: Snapshot) -> bool:
    """Whether later processes did the same so often without it that it would have been seen again."""
    newer = _started_later(finding, snapshot)
    if not newer:
        return False
    occasions = set(_occasions(finding, snapshot))
    later = _count(snapshot, occasions, lambda process: process in newer)
    earlier = _count(snapshot, occasions, lambda process: process not in newer)
    expected_each = earlier / max(1, finding.count)
    return later >= (1 if expected_each <= 1 else math.ceil(2 * expected_each))


def _started_later(finding: Finding, snapshot: Snapshot) -> set[str]:
    """Processes of the same program that were started after all that a finding was seen in."""
    seen: list[Process] = [snapshot.process_by_id[name] for name in finding.processes if name in snapshot.process_by_id]
    if not seen:
        return set()
    latest = max(process.started_at for process in seen)
    titles = {process.title for process in seen}
    return {process.id for process in snapshot.processes if process.title in titles and process.started_at > latest}


def _occasions(finding: Finding, snapshot: Snapshot) -> Iterable[Occasion]:
    requests = [snapshot.request_by_id[name] for name in finding.requests if name in snapshot.request_by_id]
    if requests:
        return map(_of_request, requests)
    return [_of_dispatch(snapshot.by_id[name]) for name in finding.dispatches if name in snapshot.by_id]


def _of_request(request: Request) -> Occasion:
    return request.method, DIGITS.sub("0", request.path), ""


def _of_dispatch(dispatch: Dispatch) -> Occasion:
    return dispatch.signal, dispatch.sender


def _count(snapshot: Snapshot, occasions: set[Occasion], is_wanted: Callable[[str], bool]) -> int:
    requests = sum(_of_request(row) in occasions for row in snapshot.requests if is_wanted(row.process))
    return requests + sum(_of_dispatch(row) in occasions for row in snapshot.dispatches if is_wanted(row.process))
