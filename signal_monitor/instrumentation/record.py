"""The layout of a record: one list per dispatch, and the only module that indexes it.

A list, because an object with slots costs a tenth of a send more. ``time.perf_counter`` gives its times, in seconds.
The slots, in their order:

* the ``DispatchInfo``: names, and the receivers;
* the place in which the dispatch began (``signal_monitor.instrumentation.current.Place``);
* its ``Lineage``, which only the worker sets: None before that;
* its ``DispatchSpans``, or None;
* its ``DispatchDetails``, or None: failures, and what was captured of the sender's side;
* notes of database work in the receiver calls, or None (``signal_monitor.database.notes``);
* what was read of the arguments of a model's signal, or None (``signal_monitor.database.arguments``);
* for calls that are not sequential: start, end, start, end, and so on, then the end of the dispatch; None if all calls
  are sequential: then the end of the last one is that of the dispatch;
* when the dispatch began;
* when each sequential receiver call ended. A call begins when the one before it has ended.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from operator import le
from time import perf_counter
from typing import Any, NamedTuple

from signal_monitor.records import Outcome, Outside

from .capture import DispatchDetails, KnownFailure, Shared
from .current import Call, LogHandlers, Origin, Place, Record, Root
from .hooks import DispatchSpans
from .info import DispatchInfo

INFO, OUTER, LINEAGE, SPANS, DETAILS, DATABASE, ARGUMENTS, TIMES, STARTED, FIRST_END = range(10)


class Lineage(NamedTuple):
    """The number of a dispatch, those of the outermost dispatch and of the one around it, and how deep it is nested.

    ``parent_index`` is the position of the receiver in which it was sent; None where a custom send method itself sent.
    ``base`` is the root that the dispatch is on. ``sent_by`` says what of the parent sent it, if no receiver. A
    ``shared`` lineage is that of a custom send which the dispatch that it made has taken over.
    """

    number: int
    root: int
    depth: int = 0
    parent: int | None = None
    parent_index: int | None = None
    base: Root | None = None
    sent_by: Outside | None = None
    shared: bool = False


AGGREGATED = Lineage(-1, -1)
"""The lineage of a dispatch that was added up with others: it is not delivered itself, nor is one that it has sent."""


def new_record(info: DispatchInfo, outer: Place, spans: DispatchSpans | None, calls: int) -> Record:
    """A record of a dispatch that begins now, with room for so many concurrent calls.

    ``send`` and ``send_robust`` write it out: a call would cost a tenth of a send.
    """
    return [info, outer, None, spans, None, None, None, [0.0] * (2 * calls), perf_counter()]


def info_of(record: Record) -> DispatchInfo:
    """What the dispatch shares with others."""
    info: DispatchInfo = record[INFO]
    return info


def outer_of(record: Record) -> Place:
    """Where the dispatch began."""
    outer: Place = record[OUTER]
    return outer


def spans_of(record: Record) -> DispatchSpans | None:
    """Its spans, or None."""
    spans: DispatchSpans | None = record[SPANS]
    return spans


def details_of(record: Record) -> DispatchDetails | None:
    """What was out of the ordinary, or None."""
    details: DispatchDetails | None = record[DETAILS]
    return details


def set_details(record: Record, details: DispatchDetails) -> None:
    """Attach details."""
    record[DETAILS] = details


def started_at(record: Record) -> float:
    """When it began."""
    started: float = record[STARTED]
    return started


def ended_sequential_calls(record: Record) -> int:
    """How many sequential receiver calls have ended; the position of the one that runs."""
    return len(record) - FIRST_END


def end_sequential_call(record: Record) -> None:
    """The sequential receiver call has ended."""
    record.append(perf_counter())


def has_unfinished_calls(record: Record) -> bool:
    """Whether a concurrent call has not begun, or not ended."""
    return record[TIMES] is not None and 0.0 in record[TIMES]


def has_concurrent_calls(record: Record) -> bool:
    """Whether some of its receiver calls are concurrent."""
    return record[TIMES] is not None


def begin_concurrent_calls(record: Record, calls: int) -> None:
    """Make room for concurrent calls."""
    record[TIMES] = [0.0] * (2 * calls)


def add_concurrent_call(record: Record) -> None:
    """Make room for one more concurrent call."""
    record[TIMES].extend((0.0, 0.0))


def _times_at(record: Record, index: int) -> int:
    info: DispatchInfo = record[INFO]
    return 2 * (index - info.sequential_count)


def begin_call(record: Record, index: int) -> None:
    """A concurrent call begins."""
    record[TIMES][2 * (index - record[INFO].sequential_count)] = perf_counter()


def end_call(record: Record, index: int) -> bool:
    """A concurrent call has ended; False where the dispatch, or the call, had ended before."""
    times, at = record[TIMES], 2 * (index - record[INFO].sequential_count) + 1
    if len(times) % 2 or times[at]:
        return False
    times[at] = perf_counter()
    return True


def has_begun(record: Record, index: int) -> bool:
    """Whether a concurrent call has begun."""
    return bool(record[TIMES][_times_at(record, index)])


def has_any_call(record: Record) -> bool:
    """Whether any concurrent call has begun."""
    return any(_concurrent_starts(record))


def _concurrent_starts(record: Record) -> list[float]:
    """When each concurrent call began, 0 for those that have not; the end of the dispatch is not among them."""
    times: list[float] = record[TIMES] or []
    return times[: len(times) // 2 * 2 : 2]


def end_dispatch(record: Record) -> None:
    """The dispatch has ended; if all calls are sequential, the last of them has said so."""
    if record[TIMES] is not None:
        record[TIMES].append(perf_counter())


def fails_alike(record: Record, answered: int, known: KnownFailure) -> bool:
    """Whether a dispatch of sequential calls, to which nothing else has happened, fails in the same call as another."""
    return (
        len(record) - FIRST_END == answered == known.index
        and record[DETAILS] is record[SPANS] is record[DATABASE] is record[TIMES] is None
    )


def fail_last_call(record: Record, details: DispatchDetails, now: float) -> float:
    """The running call has failed as that of another dispatch, and with it the dispatch, which shares the details.

    Returns how long the dispatch took, in seconds.
    """
    record.append(now)
    record[DETAILS] = details
    seconds: float = now - record[STARTED]
    return seconds


def has_ended(record: Record) -> bool:
    """Whether the dispatch has ended, as far as its times tell."""
    if record[TIMES] is not None:
        return len(record[TIMES]) % 2 == 1
    details: DispatchDetails | None = record[DETAILS]
    if details is not None and details.raised:
        return True
    return len(record) - FIRST_END >= info_of(record).sequential_count


def ended_at(record: Record) -> float:
    """When it ended; when its last sequential call ended, while it has not."""
    times = record[TIMES]
    if times is not None and len(times) % 2:
        ended: float = times[-1]
        return ended
    latest: float = record[-1]
    details: DispatchDetails | None = record[DETAILS]
    if details is not None and details.resumed:  # a robust send has logged the failure of a receiver since
        latest = max(latest, *details.resumed.values())
    return latest


def set_times(record: Record, started: float, *ends: float) -> None:
    """Set when a dispatch began and when its sequential calls ended, for records that are made by hand."""
    record[TIMES], record[STARTED:] = None, [started, *ends]


def duration(record: Record) -> float:
    """How long it took, in seconds."""
    return ended_at(record) - started_at(record)


def duration_of_times(record: Record) -> float:
    """How long a dispatch took that has only times, in seconds."""
    seconds: float = record[-1] - record[STARTED]
    return seconds


class CallTimes(NamedTuple):
    """When a receiver call began and ended, in seconds; 0 stands for "not yet"."""

    started: float
    ended: float


NOT_CALLED = CallTimes(0.0, 0.0)


def call_times(record: Record) -> list[CallTimes]:
    """The times of every receiver call, by the receiver's position."""
    count: int = record[INFO].sequential_count
    ends = record[FIRST_END : FIRST_END + count]
    starts = [record[STARTED], *ends]
    details: DispatchDetails | None = record[DETAILS]
    if details is not None:
        for index, at in details.resumed.items():
            starts[index + 1] = at
    calls = list(map(CallTimes, starts, ends if has_ended(record) else [*ends, 0.0]))[:count]
    calls.extend([NOT_CALLED] * (count - len(calls)))
    times = record[TIMES] or ()
    calls.extend(CallTimes(times[at], times[at + 1]) for at in range(0, len(times) - 1, 2))
    calls.extend([NOT_CALLED] * (len(record[INFO].receivers) - len(calls)))
    return calls


def outcome_of(record: Record, index: int) -> Outcome:
    """The outcome of a receiver call of a dispatch that has ended."""
    details: DispatchDetails | None = record[DETAILS]
    return "ok" if details is None else details.outcomes.get(index, "ok")


def database_notes_of(record: Record) -> Any:  # noqa: ANN401 - the type is another package's
    """The notes of database work, or None."""
    return record[DATABASE]


def set_database_notes(record: Record, notes: object) -> None:
    """Attach notes of database work."""
    record[DATABASE] = notes


def arguments_of(record: Record) -> Any:  # noqa: ANN401 - the type is another package's
    """What was read of the arguments of a model's signal, or None."""
    return record[ARGUMENTS]


def call_at(place: Place | None) -> tuple[Record, int] | None:
    """The receiver call that a thread or task is in, if its dispatch has not ended."""
    if isinstance(place, Root):
        place = place.outer
    if isinstance(place, LogHandlers):
        return None
    if isinstance(place, Call):
        record, index = place.record, place.index
    elif isinstance(place, list) and not info_of(place).custom:
        record, index = place, ended_sequential_calls(place)
    else:  # in no receiver call: a custom send method may query itself
        return None
    return None if has_ended(record) else (record, index)


class Ancestor(NamedTuple):
    """A receiver call around a dispatch: its dispatch and the position of its receiver.

    The position is None where no receiver has sent: a custom send method itself, outside its receivers, or a log
    handler to which a robust send tells a failure.
    """

    record: Record
    position: int | None
    sent_by: Outside | None = None


def ancestors(place: Place, at: float, most: int | None = None, *, with_aggregated: bool = False) -> list[Ancestor]:
    """The receiver calls around what began in a place at a time, innermost first; no more than ``most``.

    Left out are dispatches that had ended by then, and those that are not delivered themselves. This is no generator:
    an exception of a signal handler that strikes while Python closes one is lost.
    """
    outer: Place | None = place
    found: list[Ancestor] = []
    while outer is not None and len(found) != most:
        if isinstance(outer, Root):
            root = outer
            outer, at = root.outer, root.began
            continue
        if isinstance(outer, list):
            record = outer
            is_left_out = record[LINEAGE] is AGGREGATED and not with_aggregated
            if not (has_ended(record) and ended_at(record) < at) and not is_left_out:
                index = _index_at(record, at)
                found.append(Ancestor(record, index, "send method" if index is None else None))
        else:
            record = outer.record
            ancestor = _ancestor_at(outer, at)
            if ancestor is not None and (with_aggregated or record[LINEAGE] is not AGGREGATED):
                found.append(ancestor)
        outer, at = _place_around(record), started_at(record)
    return found


def innermost_running(place: Place, at: float) -> Place | None:
    """The innermost receiver call or send method, from a place outwards, that had not ended at a time; or None."""
    outer: Place | None = place
    while outer is not None:
        if isinstance(outer, Root):
            outer = outer.outer
        elif isinstance(outer, list):
            if not (has_ended(outer) and ended_at(outer) < at):
                return outer
            outer = outer[OUTER]
        elif _ancestor_at(outer, at) is not None:
            return outer
        else:
            outer = outer.outer
    return None


def _ancestor_at(call: Call, at: float) -> Ancestor | None:
    """What runs in a concurrent call, or while a failure is logged; None if it had ended by then."""
    if isinstance(call, LogHandlers):
        return None if _has_logged(call, at) else Ancestor(call.record, None, "log handlers")
    ended = call.record[TIMES][_times_at(call.record, call.index) + 1]
    return None if 0 < ended < at else Ancestor(call.record, call.index)


def _has_logged(place: LogHandlers, at: float) -> bool:
    """Whether the failure of a receiver had been logged by then; that of a concurrent call: whether all had ended."""
    details: DispatchDetails | None = place.record[DETAILS]
    resumed = details.resumed.get(place.index, 0.0) if details is not None else 0.0
    if resumed or place.index < info_of(place.record).sequential_count:
        return 0 < resumed < at
    return has_ended(place.record) and ended_at(place.record) < at


def parent_of(record: Record, *, with_aggregated: bool = False) -> Ancestor | None:
    """The receiver call around a dispatch, or None."""
    found = ancestors(_place_around(record), record[STARTED], 1, with_aggregated=with_aggregated)
    return found[0] if found else None


def _index_at(record: Record, at: float) -> int | None:
    """Which sequential call ran at a time; the last one, if all had ended."""
    count: int = record[INFO].sequential_count
    return min(bisect_right(record[FIRST_END:], at), count - 1) if count else None


def root_of(place: Place) -> Root:
    """The root that a place is on; each dispatch that has a lineage knows its own."""
    while not isinstance(place, Root):
        if isinstance(place, list):
            lineage: Lineage | None = place[LINEAGE]
            place = lineage.base if lineage is not None and lineage.base is not None else place[OUTER]
        else:
            place = place.outer
    return place


def origin_of(record: Record) -> Origin | None:
    """The request or task that a dispatch belongs to."""
    return root_of(record).origin


def set_no_origin(record: Record) -> None:
    """Attribute a dispatch, and what else began on its root, to no request."""
    root_of(record).origin = None


def is_outermost(record: Record) -> bool:
    """Whether a dispatch was sent from no receiver call."""
    outer = record[OUTER]
    return type(outer) is Root and outer.outer is None


def outermost_of(record: Record) -> Record | None:
    """The outermost dispatch around one, if each was sent in the same thread by a receiver of the next."""
    outer = record[OUTER]
    while type(outer) is list:
        if outer[INFO].custom:
            return None
        record, outer = outer, outer[OUTER]
    return record if type(outer) is Root and outer.outer is None else None


def sent_in(record: Record) -> tuple[Record, int] | None:
    """The dispatch in whose sequential call one was sent in the same thread, and the position of that call; or None."""
    outer = record[OUTER]
    if type(outer) is not list:
        return None
    return outer, _index_at(outer, record[STARTED]) or 0


def has_only_times(record: Record) -> bool:
    """Whether a dispatch that has ended has nothing but times, and no other one refers to it."""
    if record[TIMES] is not None or len(record) == FIRST_END:
        return False
    return record[DETAILS] is record[DATABASE] is record[SPANS] is record[LINEAGE] is None


def custom_sends_around(record: Record) -> list[Record]:
    """The custom sends that have done nothing but to call the send method of a dispatch, innermost first.

    The dispatch stands for them, as one of those that they have made: they are not delivered themselves.
    """
    found: list[Record] = []
    outer = record[OUTER]
    if (type(outer) is list and not outer[INFO].custom) or (type(outer) is Root and outer.outer is None):
        return found  # as almost always
    while (around := _custom_send_around(found[-1] if found else record)) is not None:
        found.append(around)
    return found


def _custom_send_around(record: Record) -> Record | None:
    """The custom send that has called the send method of a dispatch, maybe in another thread."""
    outer = record[OUTER]
    while type(outer) is Root and outer.outer is not None:
        outer = outer.outer
    if type(outer) is not list or not outer[INFO].custom or outer[INFO].signal is not record[INFO].signal:
        return None
    if outer is not record[OUTER] and origin_of(outer) is not origin_of(record):  # a request of a test client
        return None
    started: float = record[STARTED]
    if has_ended(outer) and ended_at(outer) < started:  # its thread or task has gone on
        return None
    return None if any(0 < began < started for began in _concurrent_starts(outer)) else outer


def _place_around(record: Record) -> Place:
    """Where a dispatch, or the custom sends around it for which it stands, began."""
    around = custom_sends_around(record)
    place: Place = (around[-1] if around else record)[OUTER]
    return place


def is_routine(record: Record) -> bool:
    """Whether a dispatch that has ended has nothing to tell but its times, and no other one refers to it."""
    return record[LINEAGE] is None and is_plain(record)


def is_plain(record: Record) -> bool:
    """Whether a dispatch that has ended has nothing but times, and was sent from no receiver call."""
    if record[DETAILS] is not None or record[TIMES] is not None or record[DATABASE] is not None:
        return False
    if len(record) == FIRST_END:  # no receiver was called
        return False
    outer, spans = record[OUTER], record[SPANS]
    return type(outer) is Root and outer.outer is None and (spans is None or spans.unreferenced)


def follow_one_another(records: Sequence[Record]) -> bool:
    """Whether each of some plain dispatches began when the one before had ended."""
    return all(map(le, [record[-1] for record in records], [record[STARTED] for record in records[1:]]))


def shared_failure(record: Record) -> Shared | None:
    """What an outermost dispatch shares with those that failed alike, if nothing else has happened to it; or None."""
    details: DispatchDetails | None = record[DETAILS]
    if details is None or record[LINEAGE] is not None or record[DATABASE] is not None:
        return None
    return details.shared


def add_records_around(record: Record, known: set[int]) -> None:
    """Add the ``id`` of each dispatch around one, up to the first that is known."""
    place: Place | None = record[OUTER]
    while place is not None:
        if isinstance(place, Root):
            place = place.outer
            continue
        around = place if isinstance(place, list) else place.record
        if id(around) in known:
            return
        known.add(id(around))
        place = around[OUTER]


def lineage_of(record: Record) -> Lineage | None:
    """The lineage that the worker has given a dispatch, or None."""
    lineage: Lineage | None = record[LINEAGE]
    return lineage


def set_lineage(record: Record, lineage: Lineage) -> None:
    """Give a dispatch its lineage; the worker alone does."""
    record[LINEAGE] = lineage


def mark_aggregated(record: Record) -> DispatchInfo:
    """Note that a routine dispatch is added up with others; returns its DispatchInfo."""
    record[LINEAGE] = AGGREGATED
    info: DispatchInfo = record[INFO]
    return info


def by_info(records: Sequence[Record]) -> dict[DispatchInfo, list[Record]]:
    """Dispatches by their DispatchInfo."""
    found: defaultdict[DispatchInfo, list[Record]] = defaultdict(list)
    for record in records:
        found[record[INFO]].append(record)
    return found


class Columns(NamedTuple):
    """The times of several dispatches of one DispatchInfo, each column with one entry per dispatch.

    ``begun`` and ``ended`` have one column per receiver. All the dispatches are routine or have failed alike.
    """

    spans: Sequence[DispatchSpans | None]
    started: Sequence[float]
    begun: Sequence[Sequence[float]]
    ended: Sequence[Sequence[float]]
    finished: Sequence[float]


def columns_of(records: Sequence[Record]) -> Columns:
    """The times of dispatches of one DispatchInfo."""
    columns: list[Any] = list(zip(*records, strict=False))
    started, ended = columns[STARTED], columns[FIRST_END:]
    begun, finished = [started, *ended[:-1]], ended[-1]
    details: DispatchDetails | None = records[0][DETAILS]
    for index in details.resumed if details is not None else ():
        resumed = [record[DETAILS].resumed[index] for record in records]
        if index + 1 < len(begun):
            begun[index + 1] = resumed
        else:
            finished = resumed
    return Columns(columns[SPANS], started, begun, ended, finished)
