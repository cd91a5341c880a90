"""The live table: stored dispatches, newest first, with a filter."""

from __future__ import annotations

from dataclasses import replace

from signal_monitor.conf import get_config
from signal_monitor.dashboard.fields import (
    PERIODS,
    BeforeField,
    CheckboxField,
    ChoiceField,
    MillisecondsField,
    PageForm,
    TextField,
    TraceIdField,
    since,
)
from signal_monitor.dashboard.pages.base import TABLE_ROWS, Context, Page, Params, shown_json, table
from signal_monitor.dashboard.processes import dispatch_rate, processes
from signal_monitor.dashboard.serializers import Json, dispatch_json
from signal_monitor.records import OUTCOMES
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


class LiveForm(PageForm):
    """The filter of the table."""

    signal = TextField(label="Signal")
    sender = TextField(label="Sender")
    receiver = TextField(label="Receiver")
    app = TextField(label="App")
    outcome = ChoiceField(OUTCOME_CHOICES, label="Outcome")
    min_ms = MillisecondsField(label="In receivers at least, ms")
    trace_id = TraceIdField()
    requests = CheckboxField(label="Request signals")
    period = ChoiceField(PERIOD_CHOICES, label="In the last")
    before = BeforeField()

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
    """The table of dispatches."""

    name = "live"
    route = "live/"
    title = "Live"
    form = LiveForm
    parts = ("state", "table")

    def fetch(self, store: Store, params: Params) -> Context:
        where = LiveForm(dict(params)).dispatch_filter()
        return {
            **table(params, store.dispatches(where, TABLE_ROWS)),
            "matching": store.count(replace(where, before=0.0)) if where.slow or where.failed else None,
            "left_out": where.without_request_signals,
            "rate": dispatch_rate(processes(store)),
            "sample": get_config().SAMPLE_PER_SECOND,
        }

    def as_json(self, context: Context) -> Json:
        return {
            "dispatches_per_second": context["rate"],
            "request_signals_left_out": context["left_out"],
            "matching": context["matching"],
            **shown_json(context),
            "dispatches": [dispatch_json(row) for row in context["rows"]],
        }
