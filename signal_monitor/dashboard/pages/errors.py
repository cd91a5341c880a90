"""The exceptions of receivers, grouped by type and line."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from signal_monitor.dashboard.charts import Bar, sparkline
from signal_monitor.dashboard.fields import ChoiceField, PeriodForm
from signal_monitor.dashboard.formatting import milliseconds
from signal_monitor.dashboard.pages.base import LIST_ROWS, Context, Page, Params
from signal_monitor.dashboard.pages.signals import Pick
from signal_monitor.dashboard.processes import processes
from signal_monitor.dashboard.scope import Scope
from signal_monitor.dashboard.serializers import Json, failure_json
from signal_monitor.dashboard.stacks import is_own, own_frame
from signal_monitor.records import Dispatch, Failure, Frame, ReceiverCall
from signal_monitor.stores.base import Store
from signal_monitor.stores.filters import DispatchFilter

SHOWN = {"": "All", "swallowed": "Swallowed", "raised": "Raised"}
Occurrence = tuple[Dispatch, ReceiverCall]


@dataclass(frozen=True)
class ErrorGroup:
    """Calls of one receiver that raised the same type of exception at the same line; ``last`` is the newest."""

    receiver: str
    calls: Sequence[Occurrence]
    trend: Sequence[Bar] = ()

    @property
    def last(self) -> Dispatch:
        """The dispatch of the newest call."""
        return self.calls[0][0]

    @property
    def failure(self) -> Failure:
        """The newest exception."""
        failure = self.calls[0][1].failure
        assert failure is not None  # noqa: S101 - only calls with one are grouped
        return failure

    @property
    def key(self) -> str:
        """What stays the same when it happens again."""
        text = f"{self.receiver} {self.failure.type} {self.failure.traceback[-1:]}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    @property
    def swallowed(self) -> int:
        """How many of them a robust send returned in place of raising."""
        return sum(call.outcome == "swallowed" for _dispatch, call in self.calls)

    @property
    def kind(self) -> str:
        """Who noticed: "swallowed" if nobody need have, "raised" if the exception reached the caller."""
        return "swallowed" if self.swallowed == len(self.calls) else "raised"

    @property
    def place(self) -> Frame | None:
        """The innermost line of the project's own code, or the innermost of all."""
        return own_frame(self.failure.traceback)

    @property
    def first_at(self) -> float:
        """When the oldest stored one was sent."""
        return min(dispatch.started_at for dispatch, _call in self.calls)

    @property
    def frames(self) -> list[tuple[Frame, bool]]:
        """The lines of the newest traceback, and which are the project's own."""
        return [(frame, is_own(frame)) for frame in self.failure.traceback]

    @property
    def requests(self) -> int:
        """How many requests met it."""
        return len({dispatch.origin_id for dispatch, _call in self.calls if dispatch.origin_kind == "request"})


class ErrorsForm(PeriodForm):
    """Which errors to show."""

    show = ChoiceField(list(SHOWN.items()), label="Show")


class ErrorsPage(Page):
    """Exceptions of receivers."""

    name = "errors"
    route = "errors/"
    title = "Errors"
    form = ErrorsForm
    parts = ("errors",)

    def fetch(self, store: Store, params: Params) -> Context:
        scope = Scope.of(params)
        where = DispatchFilter(outcome="failed", ended_since=scope.since or 0.0, processes=scope.ids(processes(store)))
        dispatches = store.dispatches(where, LIST_ROWS)
        groups, show = group_errors(dispatches), params.get("show", "")
        start = scope.since or min((dispatch.started_at for dispatch in dispatches), default=0.0)
        return {
            "groups": [_with_trend(group, start) for group in groups if show in {"", group.kind}],
            "picks": [
                Pick(key, label, sum(key in {"", group.kind} for group in groups)) for key, label in SHOWN.items()
            ],
            "errors": sum(len(group.calls) for group in groups),
            "swallowed": sum(group.swallowed for group in groups),
            "is_full": len(dispatches) >= LIST_ROWS,
        }

    def as_json(self, context: Context) -> Json:
        return {"errors": [error_json(group) for group in context["groups"]]}


def _with_trend(group: ErrorGroup, start: float) -> ErrorGroup:
    """The group with a bar for each part of the period in which it happened."""
    bars = sparkline([(dispatch.started_at, 1) for dispatch, _call in group.calls], start, time.time())
    return replace(group, trend=[replace(bar, kind=bar.kind or "failed") for bar in bars])


def group_errors(dispatches: Iterable[Dispatch]) -> list[ErrorGroup]:
    """The failed calls of dispatches, newest dispatch first, by receiver, type and line; the largest group first."""
    groups: dict[tuple[str, str, Frame | None], list[Occurrence]] = defaultdict(list)
    for dispatch in dispatches:
        for call in dispatch.calls:
            if call.failed and call.failure is not None:
                line = call.failure.traceback[-1] if call.failure.traceback else None
                groups[call.receiver, call.failure.type, line].append((dispatch, call))
    found = [ErrorGroup(receiver, calls) for (receiver, _type, _line), calls in groups.items()]
    return sorted(found, key=lambda group: (-len(group.calls), -group.last.started_at))


def errors_of(receiver: str, dispatches: Iterable[Dispatch], start: float) -> list[ErrorGroup]:
    """The failures of one receiver, with their trends since a time."""
    return [_with_trend(group, start) for group in group_errors(dispatches) if group.receiver == receiver]


def error_json(group: ErrorGroup) -> Json:
    """A group of errors."""
    place = group.place
    return {
        "receiver": group.receiver,
        "signals": sorted({dispatch.signal for dispatch, _call in group.calls}),
        "count": len(group.calls),
        "swallowed": group.swallowed,
        "requests": group.requests,
        "path": place.path if place else None,
        "line": place.line if place else None,
        "first_at": group.first_at,
        "last_at": group.last.started_at,
        "last_dispatch": group.last.id,
        "last_after_ms": milliseconds(group.calls[0][1].offset_ns),
        "failure": failure_json(group.failure),
    }
