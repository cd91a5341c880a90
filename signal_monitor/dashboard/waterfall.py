"""The timeline of a dispatch or a request: what was sent, each under the receiver call that sent it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from signal_monitor.dashboard import formatting
from signal_monitor.dashboard.charts import Tick
from signal_monitor.records import Dispatch, Outcome, ReceiverCall, Request

WATERFALL_WIDTH = 1000
WATERFALL_ROWS = 300
THINNEST_BAR = 3
DEEPEST_INDENT = 12
MOST_PARTS = 6
SHOWN_ALIKE = 3
"""Of more siblings than these that are alike, only the longest is shown."""


@dataclass(frozen=True)
class WaterfallRow:
    """A dispatch, or one of its receiver calls, as a bar in time.

    With ``alike``, it stands for so many more dispatches like that of the row before, which took ``alike_ns``.
    """

    dispatch: Dispatch
    call: ReceiverCall | None
    depth: int
    offset_ns: float
    x: float
    width: float
    alike: int = 0
    alike_ns: int = 0

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        return self.call.outcome if self.call else self.dispatch.outcome

    @property
    def severity(self) -> str:
        """Whether it was slow."""
        return self.call.severity if self.call else self.dispatch.severity

    @property
    def duration_ns(self) -> int:
        """How long it took."""
        if self.alike:
            return self.alike_ns
        return self.call.duration_ns if self.call else self.dispatch.duration_ns

    @property
    def indent(self) -> int:
        """Its depth, up to the deepest indent of the page."""
        return min(self.depth, DEEPEST_INDENT)


@dataclass(frozen=True)
class Waterfall:
    """Nested dispatches and receiver calls over one span of time; ``sampled`` if more were sent than are stored."""

    rows: Sequence[WaterfallRow]
    span_ns: float
    left_out: int
    nested: int
    ticks: Sequence[Tick]
    sampled: bool = False

    @property
    def like_this(self) -> str:
        """What ``alike`` dispatches are called: how many more there were is not known where they are a sample."""
        return "more like this in the sample" if self.sampled else "more like this"


@dataclass(frozen=True)
class _Item:
    """What a row is about: a dispatch, a receiver call of it, or ``others`` like the dispatch."""

    dispatch: Dispatch
    call: ReceiverCall | None = None
    depth: int = 0
    others: Sequence[Dispatch] = ()


@dataclass(frozen=True)
class _Scale:
    """The axis: its start in seconds since the epoch, and its length in nanoseconds."""

    start: float
    span_ns: float

    def offset_ns(self, at: float) -> float:
        return (at - self.start) * 1e9

    def place(self, offset_ns: float, duration_ns: float) -> tuple[float, float]:
        """The position and the width of a bar."""
        width = max(THINNEST_BAR, duration_ns / self.span_ns * WATERFALL_WIDTH)
        x = offset_ns / self.span_ns * WATERFALL_WIDTH
        return min(x, WATERFALL_WIDTH - min(width, WATERFALL_WIDTH)), width


def waterfall(dispatches: Sequence[Dispatch]) -> Waterfall:
    """Dispatches and their receiver calls, each under the call that sent it, on one axis of time."""
    start = min((dispatch.started_at for dispatch in dispatches), default=0.0)
    return _waterfall(dispatches, start, 0.0, shown_alike=len(dispatches))


def request_waterfall(request: Request, dispatches: Sequence[Dispatch]) -> Waterfall:
    """What a request sent, from its start to its end; of many alike siblings, the longest and how many more."""
    drawn = _waterfall(dispatches, request.started_at, request.duration_ns, shown_alike=SHOWN_ALIKE)
    return replace(drawn, sampled=len(dispatches) < request.dispatch_count + request.after_count)


def _waterfall(dispatches: Sequence[Dispatch], start: float, least_ns: float, shown_alike: int) -> Waterfall:
    ends = max((_end_ns(dispatch, start) for dispatch in dispatches), default=0.0)
    scale = _Scale(start, max(ends, least_ns) or 1.0)
    rows = [_row(item, scale) for item in _nested(dispatches, shown_alike)]
    left_out, nested = max(0, len(rows) - WATERFALL_ROWS), max(0, len(dispatches) - 1)
    return Waterfall(rows[:WATERFALL_ROWS], scale.span_ns, left_out, nested, _ticks(scale.span_ns))


def _ticks(span_ns: float) -> list[Tick]:
    """Round times on the axis, in percent of it: at least two parts, and at most MOST_PARTS."""
    power = 10.0 ** math.floor(math.log10(span_ns))
    parts = (factor * power for factor in (0.1, 0.2, 0.25, 0.5, 1))
    step = next((part for part in parts if span_ns / part <= MOST_PARTS), power)
    times = (number * step for number in range(int(span_ns / step) + 1))
    return [Tick(100 * at / span_ns, formatting.round_duration(at)) for at in times]


def _end_ns(dispatch: Dispatch, start: float) -> float:
    """When a dispatch and its late receivers had ended, in nanoseconds after the start."""
    lasting = max((call.offset_ns + call.duration_ns for call in dispatch.calls), default=0)
    return (dispatch.started_at - start) * 1e9 + max(lasting, dispatch.duration_ns)


def _nested(dispatches: Sequence[Dispatch], shown_alike: int) -> Iterator[_Item]:
    """Depth first, without recursion: dispatches may nest deeper than Python's recursion limit."""
    children = _children(dispatches)
    known = {dispatch.id for dispatch in dispatches}
    tops = [dispatch for dispatch in dispatches if dispatch.parent_id not in known]
    waiting = [*reversed(_grouped(tops, 0, shown_alike))]
    while waiting:
        item = waiting.pop()
        yield item
        if item.others:
            continue
        dispatch, call = item.dispatch, item.call
        below = _grouped(children.pop((dispatch.id, call.index if call else None), ()), item.depth + 1, shown_alike)
        calls = [] if call else [_Item(dispatch, own, item.depth + 1) for own in dispatch.calls]
        waiting.extend(reversed([*calls, *below]))


def _grouped(siblings: Iterable[Dispatch], depth: int, shown_alike: int) -> list[_Item]:
    """Siblings in order; of many that are alike, the longest in the place of the first, then the others as one item."""
    groups: dict[tuple[object, ...], list[Dispatch]] = defaultdict(list)
    for dispatch in siblings:
        groups[_likeness(dispatch)].append(dispatch)
    items: list[_Item] = []
    for group in groups.values():
        if len(group) <= shown_alike or _is_notable(group[0]):
            items += [_Item(dispatch, depth=depth) for dispatch in group]
            continue
        longest = max(group, key=lambda dispatch: dispatch.duration_ns)
        others = tuple(dispatch for dispatch in group if dispatch is not longest)
        items += [_Item(longest, depth=depth), _Item(longest, depth=depth, others=others)]
    return items if len(groups) == 1 else sorted(items, key=_started)


def _started(item: _Item) -> float:
    # Sorting is stable: the others, which come after the longest, stay there.
    return item.dispatch.started_at


def _likeness(dispatch: Dispatch) -> tuple[object, ...]:
    """Equal for dispatches that are alike."""
    receivers = tuple(call.receiver for call in dispatch.calls)
    return (dispatch.signal, dispatch.sender, dispatch.method, receivers, _is_notable(dispatch))


def _is_notable(dispatch: Dispatch) -> bool:
    return dispatch.failed or dispatch.severity != "normal"


def _children(dispatches: Sequence[Dispatch]) -> dict[tuple[str | None, int | None], list[Dispatch]]:
    by_id = {dispatch.id: dispatch for dispatch in dispatches}
    children: defaultdict[tuple[str | None, int | None], list[Dispatch]] = defaultdict(list)
    for dispatch in dispatches:
        parent = by_id.get(dispatch.parent_id or "")
        sent_by_call = parent and any(call.index == dispatch.parent_index for call in parent.calls)
        children[dispatch.parent_id, dispatch.parent_index if sent_by_call else None].append(dispatch)
    return children


def _row(item: _Item, scale: _Scale) -> WaterfallRow:
    dispatch, call = item.dispatch, item.call
    if item.others:
        offset_ns = scale.offset_ns(min(other.started_at for other in item.others))
        end_ns = max(_end_ns(other, scale.start) for other in item.others)
        alike_ns = sum(other.duration_ns for other in item.others)
        x, width = scale.place(offset_ns, end_ns - offset_ns)
        return WaterfallRow(dispatch, None, item.depth, offset_ns, x, width, len(item.others), alike_ns)
    offset_ns = scale.offset_ns(dispatch.started_at) + (call.offset_ns if call else 0)
    x, width = scale.place(offset_ns, call.duration_ns if call else dispatch.duration_ns)
    return WaterfallRow(dispatch, call, item.depth, offset_ns, x, width)
