"""A request or a dispatch in the Trace Event Format, which Perfetto and Chrome's tracing page open.

Every event is a complete one ("X"), with its start and duration in microseconds. Events of one track nest, so what
overlaps has tracks of its own. Source: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from signal_monitor.dashboard.formatting import milliseconds, split_name
from signal_monitor.dashboard.serializers import Json
from signal_monitor.records import WAITING, Dispatch, Process, ReceiverCall, Request

WAITING_TRACK = "waiting"
ROUNDING_NS = 5_000
"""How much later than the event around it an event may seem to end: the two were timed by different clocks."""
LEAST_WAITING_NS = 100_000
MAIN_CAUSE = 0.9
"""The part of the time outside receivers that was spent waiting, from which on all of it is called so."""
Track = tuple[str, str]
"""A process and the name of a thread in it, or of what is apart from threads."""


@dataclass
class _Event:
    name: str
    category: str
    track: Track
    start_ns: float
    end_ns: float
    args: Json
    parent: _Event | None = None

    def is_inside(self, other: _Event) -> bool:
        """Whether the other event is one of those around this one."""
        around = self.parent
        while around is not None and around is not other:
            around = around.parent
        return around is other


@dataclass
class _Lane:
    number: int
    open: list[_Event] = field(default_factory=list)

    def takes(self, event: _Event) -> bool:
        """Whether an event fits in here: nothing else is going on, or what is going on is around it."""
        while self.open and self.open[-1].end_ns <= event.start_ns:
            self.open.pop()
        if not self.open:
            return True
        top = self.open[-1]
        return event.is_inside(top) and event.end_ns <= top.end_ns + ROUNDING_NS


def trace_events(dispatches: Sequence[Dispatch], processes: Iterable[Process], request: Request | None = None) -> Json:
    """The trace of dispatches, and of the request that sent them, counted from the start of the first."""
    starts = [dispatch.started_at for dispatch in dispatches]
    base = request.started_at if request else min(starts, default=0.0)
    events = [*_request_events(request), *_dispatch_events(dispatches, base)]
    return {
        "traceEvents": list(_written(events, {process.id: process for process in processes})),
        "displayTimeUnit": "ms",
        "otherData": {"started_at": base, "dispatches": len(dispatches)},
    }


def _request_events(request: Request | None) -> Iterator[_Event]:
    if request is not None:
        name = f"{request.method} {request.path}"
        args = {"id": request.id, "status": request.status, "view": request.view, "dispatches": request.dispatch_count}
        yield _Event(name, "request", (request.process, "request"), 0.0, request.duration_ns, args)


def _dispatch_events(dispatches: Sequence[Dispatch], base: float) -> Iterator[_Event]:
    """Each dispatch after the receiver call that sent it."""
    calls: dict[tuple[str | None, int | None], _Event] = {}
    for dispatch in sorted(dispatches, key=lambda dispatch: (dispatch.depth, dispatch.started_at)):
        parent = calls.get((dispatch.parent_id, dispatch.parent_index)) or calls.get((dispatch.parent_id, None))
        start_ns = (dispatch.started_at - base) * 1e9
        sent = _Event(
            f"{split_name(dispatch.signal).last} {dispatch.method}",
            "dispatch",
            (dispatch.process, dispatch.thread),
            start_ns,
            start_ns + dispatch.duration_ns,
            _dispatch_args(dispatch),
            parent,
        )
        calls[dispatch.id, None] = sent
        yield sent
        for call in dispatch.calls:
            if call.outcome != "not_run":
                calls[dispatch.id, call.index] = made = _call_event(call, sent)
                yield made
        yield from _waiting_events(dispatch, start_ns)


def _dispatch_args(dispatch: Dispatch) -> Json:
    site = dispatch.call_site
    return {
        "id": dispatch.id,
        "signal": dispatch.signal,
        "sender": dispatch.sender,
        "outcome": dispatch.outcome,
        "sent_from": f"{site.path}:{site.line} {site.function}" if site else None,
    }


def _call_event(call: ReceiverCall, sent: _Event) -> _Event:
    start_ns = sent.start_ns + call.offset_ns
    args = {
        "receiver": call.receiver,
        "outcome": call.outcome,
        "self_ms": milliseconds(call.self_ns),
        "queries": call.queries,
        "line": f"{call.path}:{call.line}" if call.path else None,
        "failure": call.failure.summary if call.failure else None,
    }
    name = split_name(call.receiver).last
    return _Event(name, "receiver", sent.track, start_ns, start_ns + call.duration_ns, args, sent)


def _waiting_events(dispatch: Dispatch, start_ns: float) -> Iterator[_Event]:
    """The times in which a dispatch waited and none of its receivers ran, apart from receivers."""
    waited = {kind: dispatch.outside[kind] for kind in WAITING if dispatch.outside.get(kind)}
    total_ns = sum(waited.values())
    if total_ns < LEAST_WAITING_NS:
        return
    is_all = total_ns >= MAIN_CAUSE * sum(dispatch.outside.values())
    name = f"waiting for {' and '.join(f'the {kind}' for kind in waited)}" if is_all else "outside receivers"
    args = {"dispatch": dispatch.id, **{f"{kind}_ms": milliseconds(ns) for kind, ns in dispatch.outside.items()}}
    for begin, end in _gaps(dispatch):
        yield _Event(name, "waiting", (dispatch.process, WAITING_TRACK), start_ns + begin, start_ns + end, args)


def _gaps(dispatch: Dispatch) -> Iterator[tuple[float, float]]:
    """When none of the receiver calls of a dispatch ran, in nanoseconds after its start."""
    at = 0
    for call in sorted(dispatch.calls, key=lambda call: call.offset_ns):
        if call.outcome != "not_run":
            if call.offset_ns > at:
                yield at, call.offset_ns
            at = max(at, call.offset_ns + call.duration_ns)
    if dispatch.duration_ns > at and not dispatch.calls_left_out:
        yield at, dispatch.duration_ns


def _written(events: Sequence[_Event], processes: Mapping[str, Process]) -> Iterator[Json]:
    """The events with numbers for processes and tracks, after the names of these."""
    names = dict.fromkeys(event.track[0] for event in events)
    pids = {name: processes[name].pid if name in processes else number for number, name in enumerate(names)}
    lanes: dict[Track, list[_Lane]] = defaultdict(list)
    written = []
    for event in sorted(events, key=lambda event: (event.start_ns, -event.end_ns)):
        lane = _lane_for(event, lanes)
        if lane.open:
            event.end_ns = min(event.end_ns, lane.open[-1].end_ns)
        lane.open.append(event)
        place = {"pid": pids[event.track[0]], "tid": lane.number}
        times = {"ts": event.start_ns / 1e3, "dur": max(0.0, event.end_ns - event.start_ns) / 1e3}
        written.append({"ph": "X", "name": event.name, "cat": event.category, **place, **times, "args": event.args})
    for name, pid in pids.items():
        yield _named("process_name", pid, 0, processes[name].title if name in processes else name or "process")
    for (process, thread), of_track in lanes.items():
        for number, lane in enumerate(of_track, start=1):
            yield _named("thread_name", pids[process], lane.number, f"{thread} ({number})" if number > 1 else thread)
    yield from written


def _lane_for(event: _Event, lanes: dict[Track, list[_Lane]]) -> _Lane:
    of_track = lanes[event.track]
    lane = next((lane for lane in of_track if lane.takes(event)), None)
    if lane is None:
        lane = _Lane(1 + sum(map(len, lanes.values())))
        of_track.append(lane)
    return lane


def _named(kind: str, pid: int, tid: int, name: str) -> Json:
    return {"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": {"name": name}}
