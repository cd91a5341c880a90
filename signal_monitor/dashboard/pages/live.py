"""The live table: stored dispatches, newest first, with a filter."""

from __future__ import annotations

from dataclasses import replace

from django.utils.safestring import SafeString

from signal_monitor.conf import get_config
from signal_monitor.dashboard.fields import (
    PERIODS,
    BeforeField,
    BrowserField,
    CheckboxField,
    ChoiceField,
    HiddenField,
    MillisecondsField,
    PageForm,
    TextField,
    TraceIdField,
    since,
)
from signal_monitor.dashboard.frames import Rendering
from signal_monitor.dashboard.live_rows import row_html
from signal_monitor.dashboard.pages.base import TABLE_ROWS, Context, Page, Params, shown_json, table
from signal_monitor.dashboard.processes import dispatch_rate, processes
from signal_monitor.dashboard.serializers import Json, dispatch_json
from signal_monitor.records import OUTCOMES
from signal_monitor.stores import get_store
from signal_monitor.stores.base import Store, first_window
from signal_monitor.stores.filters import DispatchFilter

NAME_FIELDS = ("signal", "sender", "receiver", "app", "trace_id")
OUTCOME_CHOICES = [
    ("", "any"),
    ("failed", "failed"),
    ("slow", "slow"),
    *((outcome, outcome.replace("_", " ")) for outcome in OUTCOMES),
]


PERIOD_CHOICES = [("", "any time"), *((key, label) for key, (label, seconds) in PERIODS.items() if seconds)]


MAX_ROWS = 200
"""The rows that a page keeps: more new ones than these are not sent."""


class LiveForm(PageForm):
    """The filter of the list; links choose the hidden fields."""

    signal = TextField(label="Signal")
    sender = TextField(label="Sender")
    receiver = TextField(label="Receiver")
    outcome = ChoiceField(OUTCOME_CHOICES, label="Outcome")
    min_ms = MillisecondsField(label="In receivers at least, ms")
    app = TextField(label="App")
    trace_id = TraceIdField()
    requests = CheckboxField(label="Request signals")
    period = ChoiceField(PERIOD_CHOICES, label="In the last")
    before = BeforeField()
    process = HiddenField()
    browser = BrowserField()

    def dispatch_filter(self) -> DispatchFilter:
        """The filter for the store, from the valid values.

        Every request sends two signals, which would hide all others. They are shown if the reader asks for them, or
        for any name or trace, which may be theirs.
        """
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if value}
        wants_requests = given.pop("requests", False) or any(name in given for name in NAME_FIELDS)
        if given.get("outcome") == "slow":
            given["slow"] = bool(given.pop("outcome"))
        elif given.get("outcome") == "failed" and not any(given.get(name) for name in ("receiver", "app")):
            given["failed"] = bool(given.pop("outcome"))
        started = since(given["period"]) if given.get("period") else None
        given.pop("period", None)
        if started is not None:
            given["ended_since"] = first_window(started)
        return DispatchFilter(**given, without_request_signals=not wants_requests)


class LivePage(Page):
    """The list of dispatches. Rows that are shown stay as they are; new ones are put before them."""

    name = "live"
    route = "live/"
    title = "Live"
    form = LiveForm
    parts = ("state",)
    seconds = 0.5

    def fetch(self, store: Store, params: Params) -> Context:
        where = LiveForm(dict(params)).dispatch_filter()
        last = store.last_arrival()  # before the rows: one that arrives meanwhile comes twice, and is shown once
        rows, titles = store.dispatches(where, TABLE_ROWS), _titles(store)
        return {
            **table(params, rows),
            "list": SafeString("".join(row_html(row, titles) for row in rows)),
            "after": last,
            "matching": store.count(replace(where, before=0.0)) if where.slow or where.failed else None,
            "left_out": where.without_request_signals,
            "rate": dispatch_rate(processes(store)),
            "sample": get_config().SAMPLE_PER_SECOND,
        }

    def new_rows(self, params: Params, after: int) -> Rendering:
        """The dispatches that were stored after one, as rows; a page of older ones gets none."""
        store = get_store()
        last = store.last_arrival()
        if params.get("before") or after == last:
            return Rendering(last=last)
        where = LiveForm(dict(params)).dispatch_filter()
        anew = after > last
        found = store.arrivals(where, 0 if anew else after, MAX_ROWS)
        titles = _titles(store) if found else {}
        return Rendering(rows=[(number, row_html(row, titles)) for number, row in found], last=last, anew=anew)

    def as_json(self, context: Context) -> Json:
        return {
            "dispatches_per_second": context["rate"],
            "request_signals_left_out": context["left_out"],
            "matching": context["matching"],
            **shown_json(context),
            "dispatches": [dispatch_json(row) for row in context["rows"]],
        }


def _titles(store: Store) -> dict[str, str]:
    return {process.id: process.title for process in store.processes()}
