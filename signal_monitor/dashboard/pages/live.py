"""The live table: stored dispatches, newest first, with a filter."""

from __future__ import annotations

from signal_monitor.conf import get_config
from signal_monitor.dashboard.fields import (
    BeforeField,
    CheckboxField,
    ChoiceField,
    MillisecondsField,
    PageForm,
    TextField,
    TraceIdField,
)
from signal_monitor.dashboard.pages.base import TABLE_ROWS, Context, Page, Params, table
from signal_monitor.dashboard.processes import dispatch_rate, processes
from signal_monitor.dashboard.serializers import Json, dispatch_json
from signal_monitor.records import OUTCOMES
from signal_monitor.stores.base import Store
from signal_monitor.stores.filters import DispatchFilter

NAME_FIELDS = ("signal", "sender", "receiver", "app", "trace_id")
OUTCOME_CHOICES = [
    ("", "any"),
    ("failed", "failed"),
    ("slow", "slow"),
    *((outcome, outcome.replace("_", " ")) for outcome in OUTCOMES),
]


class LiveForm(PageForm):
    """The filter of the table."""

    signal = TextField(label="Signal")
    sender = TextField(label="Sender")
    receiver = TextField(label="Receiver")
    app = TextField(label="App")
    outcome = ChoiceField(OUTCOME_CHOICES, label="Outcome")
    min_ms = MillisecondsField(label="At least, ms")
    trace_id = TraceIdField()
    requests = CheckboxField(label="Request signals")
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
            "left_out": where.without_request_signals,
            "rate": dispatch_rate(processes(store)),
            "sample": get_config().SAMPLE_PER_SECOND,
        }

    def as_json(self, context: Context) -> Json:
        return {
            "dispatches_per_second": context["rate"],
            "request_signals_left_out": context["left_out"],
            "dispatches": [dispatch_json(row) for row in context["rows"]],
        }
