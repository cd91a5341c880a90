"""Tells findings whose cause is gone from the others."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from signal_monitor.errors import guarded
from signal_monitor.finding import Finding
from signal_monitor.records import Dispatch, Process, Request

from .snapshot import Snapshot

DIGITS = re.compile(r"\d+")
Occasion = tuple[str, ...]
"""What has to happen for a finding to be seen: a request of a path, or a dispatch of a signal and sender."""
Seen = defaultdict[Occasion, Counter[str]]


@dataclass(frozen=True, slots=True)
class Gone:
    """A finding as it was last seen, and when the first process was started that does without it, if that is known."""

    finding: Finding
    since: float | None


def divided(findings: Iterable[Finding], snapshot: Snapshot) -> tuple[list[Finding], list[Gone]]:
    """The findings that hold, and those that a later start of the same program has shown to be gone."""
    hold, gone, seen = list[Finding](), list[Gone](), _seen(snapshot)
    for finding in findings:
        since = _mended_since(finding, snapshot, seen)
        if since is None:
            hold.append(finding)
        else:
            gone.append(Gone(finding, since))
    return hold, gone


@guarded("the look whether a finding is mended", None)
def _mended_since(finding: Finding, snapshot: Snapshot, seen: Seen) -> float | None:
    """The start of later processes which did the same so often without it that it would have been seen again."""
    newer = _started_later(finding, snapshot)
    if not newer:
        return None
    occasions = set(_occasions(finding, snapshot))
    later = sum(times for each in occasions for process, times in seen[each].items() if process in newer)
    earlier = sum(seen[each].total() for each in occasions) - later
    expected_each = earlier / max(1, finding.count)
    is_mended = later >= (1 if expected_each <= 1 else math.ceil(2 * expected_each))
    return min(snapshot.process_by_id[each].started_at for each in newer) if is_mended else None


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


def _seen(snapshot: Snapshot) -> Seen:
    """How often each occasion has happened, by process."""
    seen: Seen = defaultdict(Counter)
    for request in snapshot.requests:
        seen[_of_request(request)][request.process] += 1
    for dispatch in snapshot.dispatches:
        seen[_of_dispatch(dispatch)][dispatch.process] += 1
    return seen
