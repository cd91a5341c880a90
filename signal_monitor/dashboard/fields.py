"""Form fields that several pages use; Django's forms validate what a reader asks of a page."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.forms.renderers import DjangoTemplates

from signal_monitor.stores.filters import EXACT
from signal_monitor.text import MAX_LENGTH, cleaned

PERIODS = {
    "5m": ("5 min", 300),
    "15m": ("15 min", 900),
    "1h": ("1 h", 3600),
    "6h": ("6 h", 21600),
    "all": ("Since start", None),
}
DEFAULT_PERIOD = "1h"
FROM = re.compile(r"from-(\d{1,10})")
"""A period that began at a moment, in seconds since the epoch."""
NOW = "now"
"""The period that begins when it is asked for."""
ALL, SERVING = "all", "serving"
"""All processes, and those that serve requests or tasks; another value is the id of a process."""
MAX_PROCESS_LENGTH = 200
TRUE_VALUES = ("1", "true", "on", "yes")
A_DAY_MS = 24 * 60 * 60 * 1000
LATEST_TIME = 4_102_444_800
"""The year 2100, in seconds since the epoch: every clock can display it."""
MAX_TEXT_LENGTH = len(EXACT) + MAX_LENGTH
FILTER_HINT = "Part of a name; * matches anything; = followed by a name matches this name only"
MAX_NAME_LENGTH = 1000
BROWSER_ID = re.compile(r"\A[0-9a-f]{8}\Z")
MAX_CLEANED = 5_000
# An id, or the version, id, parent and flags of a traceparent; versions after 00 may have more fields, ff is invalid.
# https://www.w3.org/TR/trace-context/#traceparent-header
PASTED_TRACE_ID = re.compile(
    r"((?!ff)[0-9a-f]{2}-)?(?P<trace_id>(?!0{32})[0-9a-f]{32})(?(1)-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?)", re.IGNORECASE
)


class TextField(forms.CharField):
    """Optional text that matches part of a name, or a whole name after a ``=``."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        attributes = {"autocomplete": "off", "spellcheck": "false", "placeholder": kwargs.pop("placeholder", "any")}
        widget = forms.TextInput({**attributes, "title": kwargs.pop("hint", FILTER_HINT)})
        super().__init__(required=False, max_length=MAX_TEXT_LENGTH, widget=widget, strip=False, **kwargs)


class TraceIdField(TextField):
    """A trace id, or a ``traceparent`` that contains one."""

    def __init__(self) -> None:
        message = "Not a trace id. Paste 32 hexadecimal digits or a traceparent."
        super().__init__(
            label="Trace",
            placeholder="id or traceparent",
            hint="32 hexadecimal digits or a traceparent",
            error_messages={"invalid": message},
        )

    def to_python(self, value: object) -> str:
        text = str(super().to_python(value))
        if text and not trace_id_in(text):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return trace_id_in(text)


def trace_id_in(text: str) -> str:
    """The trace id in a pasted id or ``traceparent``, in lower case; "" if the text is neither."""
    found = PASTED_TRACE_ID.fullmatch(text.strip())
    return found["trace_id"].lower() if found else ""


class ChoiceField(forms.ChoiceField):
    """One of a few values, or none; the error lists them."""

    def __init__(self, choices: list[tuple[str, str]], **kwargs: Any) -> None:  # noqa: ANN401
        values = ", ".join(value for value, _label in choices if value)
        errors = {"invalid_choice": f"“%(value)s” is not a valid choice. Choose one of: {values}."}
        super().__init__(required=False, choices=choices, error_messages=errors, **kwargs)


class PeriodField(ChoiceField):
    """The period that totals cover; the menu chooses it. "now" is the period that begins at this moment."""

    def __init__(self) -> None:
        choices = [(key, label) for key, (label, _seconds) in PERIODS.items()]
        super().__init__([*choices, (NOW, "From now on")], widget=forms.HiddenInput)

    def to_python(self, value: object) -> str:
        text = str(super().to_python(value))
        return f"from-{int(time.time())}" if text == NOW else text

    def valid_value(self, value: object) -> bool:
        return start_of(str(value)) is not None or super().valid_value(value)


class ProcessField(forms.CharField):
    """The process that a page is about; the menu chooses it."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=MAX_PROCESS_LENGTH, widget=forms.HiddenInput)


def start_of(period: str) -> float | None:
    """The moment at which a period has begun that has no length, in seconds since the epoch; None for others."""
    found = FROM.fullmatch(period)
    return float(found[1]) if found and int(found[1]) <= LATEST_TIME else None


def since(period: str) -> float | None:
    """Start of a period, in seconds since the epoch; None for everything stored."""
    start = start_of(period)
    if start is not None:
        return start
    seconds = PERIODS[period or DEFAULT_PERIOD][1]
    return None if seconds is None else time.time() - seconds


class MillisecondsField(forms.FloatField):
    """A duration of at most a day."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        message = "Not a number of milliseconds. Enter 0 or more, such as 250 or 0.5."
        widget = forms.TextInput({"inputmode": "decimal", "autocomplete": "off", "placeholder": "0"})
        errors = {
            "invalid": message,
            "min_value": message,
            "max_value": f"Enter at most {A_DAY_MS} ms, a day.",
        }
        super().__init__(
            required=False, min_value=0, max_value=A_DAY_MS, widget=widget, error_messages=errors, **kwargs
        )


class HiddenField(forms.CharField):
    """A whole name or id that links choose."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(required=False, max_length=MAX_TEXT_LENGTH, widget=forms.HiddenInput, **kwargs)


class BrowserField(HiddenField):
    """The browser that is followed."""

    def __init__(self) -> None:
        super().__init__(validators=[RegexValidator(BROWSER_ID, "Not the id of a browser.")])


class BeforeField(forms.FloatField):
    """The start of older rows, in seconds since the epoch.

    It is set by links and not typed, and is not part of the filter form: a new filter starts with the newest rows.
    """

    def __init__(self) -> None:
        message = "“before” is not a time in seconds since the epoch."
        super().__init__(
            required=False,
            min_value=0,
            max_value=LATEST_TIME,
            widget=forms.HiddenInput,
            error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), message),
        )


class CheckboxField(forms.BooleanField):
    """A checkbox that 1 in the query string ticks."""

    def __init__(self, label: str) -> None:
        super().__init__(required=False, label=label, widget=_CheckboxInput({"value": "1"}))


class _CheckboxInput(forms.CheckboxInput):
    """Django's widget takes any text for a tick, even "0"."""

    def value_from_datadict(self, data: Mapping[str, Any], files: object, name: str) -> bool:
        return str(data.get(name, "")).lower() in TRUE_VALUES


class PageForm(forms.Form):
    """The parameters of a page; invalid ones are reported and ignored, the others still apply."""

    # Not FORM_RENDERER's, which may need templates of the project.
    default_renderer = DjangoTemplates

    def __init__(self, data: Mapping[str, str] | None = None) -> None:
        super().__init__(data and {name: _as_recorded(value) for name, value in data.items()}, auto_id="sm-field-%s")

    def valid_params(self) -> dict[str, str]:
        """The valid values as text, in the order of the fields."""
        self.is_valid()
        values = ((name, self.cleaned_data.get(name)) for name in self.fields)
        return {name: as_text(value) for name, value in values if value not in (None, "", False)}


def _as_recorded(value: str) -> str:
    """A text as records have it, so that a name that somebody pastes is found; Django refuses one with a NUL."""
    if "\0" in value:
        return value
    return cleaned(value if value.startswith(EXACT) else value.strip(), MAX_CLEANED)


class PeriodForm(PageForm):
    """The parameters of a page of totals."""

    period = PeriodField()
    process = ProcessField()


def as_text(value: object) -> str:
    """A form's value as text for a query string; numbers keep their full precision."""
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    return str(value)
