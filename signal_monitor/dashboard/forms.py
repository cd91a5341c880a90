"""What a reader may ask of a page, checked by Django's forms: one form per kind of page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from signal_monitor.dashboard.traces import trace_id_in
from signal_monitor.records import OUTCOMES
from signal_monitor.stores.filters import DispatchFilter

PERIODS = {"5m": ("5 min", 300), "1h": ("1 h", 3600), "all": ("All", None)}
DEFAULT_PERIOD = "1h"
SORTS = {"p95": "p95", "total": "Total time", "count": "Count", "failures": "Failures"}
DEFAULT_SORT = "p95"
NAMES = ("signal", "sender", "receiver", "app", "trace_id")
"""Fields of the live filter that ask for something by its name or id."""
TICKS = ("1", "true", "on", "yes")
A_DAY_MS = 24 * 60 * 60 * 1000
LAST_MOMENT = 4_102_444_800
"""The year 2100, in seconds since the epoch: any clock can still show it."""
LONGEST_TEXT = 200
LONGEST_KEY = 1000


class _Text(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        attributes = {"autocomplete": "off", "spellcheck": "false", "placeholder": kwargs.pop("placeholder", "any")}
        widget = forms.TextInput(attributes)
        super().__init__(required=False, max_length=LONGEST_TEXT, widget=widget, **kwargs)


class _TraceId(_Text):
    """For pasting: what was pasted counts as the id that is in it."""

    def __init__(self) -> None:
        message = "Not a trace id; paste its 32 hexadecimal digits, or a traceparent."
        super().__init__(label="Trace", placeholder="id or traceparent", error_messages={"invalid": message})

    def to_python(self, value: object) -> str:
        text = str(super().to_python(value))
        if text and not trace_id_in(text):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return trace_id_in(text)


class _Choice(forms.ChoiceField):
    def __init__(self, choices: list[tuple[str, str]], *, allowed: str, **kwargs: Any) -> None:  # noqa: ANN401
        errors = {"invalid_choice": f"“%(value)s” is not known here; choose {allowed}."}
        super().__init__(required=False, choices=choices, error_messages=errors, **kwargs)


class _Milliseconds(forms.FloatField):
    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        message = "Not a number of milliseconds; write 0 or more, like 250 or 0.5."
        widget = forms.TextInput({"inputmode": "decimal", "autocomplete": "off", "placeholder": "0"})
        errors = {"invalid": message, "min_value": message, "max_value": f"More than a day; at most {A_DAY_MS} ms."}
        super().__init__(
            required=False, min_value=0, max_value=A_DAY_MS, widget=widget, error_messages=errors, **kwargs
        )


class _Moment(forms.FloatField):
    """Not for typing: a link to older rows sets it, and a new filter begins with the newest again."""

    def __init__(self) -> None:
        message = "“before” is not a time in seconds since the epoch."
        super().__init__(
            required=False,
            min_value=0,
            max_value=LAST_MOMENT,
            widget=forms.HiddenInput,
            error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), message),
        )


class _Box(forms.CheckboxInput):
    """A box that is ticked by 1 in the address; Django's takes any text for a tick, 0 among it."""

    def value_from_datadict(self, data: Mapping[str, Any], files: object, name: str) -> bool:
        return str(data.get(name, "")).lower() in TICKS


class PageForm(forms.Form):
    """Parameters of a page; a bad one is reported and passed over, the others still count."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        kwargs.setdefault("auto_id", "sm-field-%s")
        super().__init__(*args, **kwargs)

    def given(self) -> dict[str, str]:
        """The good values that were given, as text in the order of the fields."""
        self.is_valid()
        values = ((name, self.cleaned_data.get(name)) for name in self.fields)
        return {name: as_text(value) for name, value in values if value not in (None, "", False)}


def as_text(value: object) -> str:
    """A form's value as it stands in an address; of a number nothing is lost."""
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    return str(value)


class PeriodForm(PageForm):
    """A page of totals."""

    period = _Choice([(key, label) for key, (label, _) in PERIODS.items()], allowed="5m, 1h or all")


class SortedForm(PeriodForm):
    """A list of totals."""

    sort = _Choice(list(SORTS.items()), allowed=", ".join(SORTS))


class SubjectForm(PeriodForm):
    """The page of one receiver or signal."""

    name = forms.CharField(max_length=LONGEST_KEY, strip=False)


class DispatchForm(PageForm):
    """The page of one dispatch."""

    dispatch_id = forms.CharField(max_length=LONGEST_TEXT)


class RequestForm(PageForm):
    """The page of one request."""

    request_id = forms.CharField(max_length=LONGEST_TEXT)


class RequestsForm(PageForm):
    """The list of requests."""

    path = _Text(label="Path contains")
    min_ms = _Milliseconds(label="At least, ms")
    trace_id = _TraceId()
    before = _Moment()


class LiveForm(PageForm):
    """The filter of the live table."""

    signal = _Text(label="Signal")
    sender = _Text(label="Sender")
    receiver = _Text(label="Receiver")
    app = _Text(label="App")
    outcome = _Choice(
        [
            ("", "any"),
            ("failed", "failed"),
            ("slow", "slow"),
            *((outcome, outcome.replace("_", " ")) for outcome in OUTCOMES),
        ],
        allowed=f"failed, slow, {', '.join(OUTCOMES)}",
        label="Outcome",
    )
    min_ms = _Milliseconds(label="At least, ms")
    trace_id = _TraceId()
    requests = forms.BooleanField(required=False, label="Request signals", widget=_Box({"value": "1"}))
    before = _Moment()

    def dispatch_filter(self) -> DispatchFilter:
        """The filter for the store, made of the good values.

        The two signals of every request would crowd out all others, so they are shown only to who wants them, or asks
        for any name or trace: it may be one of theirs.
        """
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if value}
        wants_requests = given.pop("requests", False) or any(name in given for name in NAMES)
        if given.get("outcome") == "slow":
            given["slow"] = bool(given.pop("outcome"))
        return DispatchFilter(**given, without_request_signals=not wants_requests)
