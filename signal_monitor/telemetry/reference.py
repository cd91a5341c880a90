"""Spans, attributes and metrics with their documentation, from which the tables in the docs are generated."""

from __future__ import annotations

from typing import Literal, NamedTuple

from .content import (
    AGGREGATED_DISPATCHES,
    AGGREGATED_DISPATCHES_TIME,
    AGGREGATED_RECEIVERS,
    AGGREGATED_RECEIVERS_TIME,
    ERROR,
    FAILED,
    FUNCTION,
    LINE,
    METHOD,
    OUTCOME,
    PATH,
    RECEIVERS,
    SENDER,
    SIGNAL,
    dispatch_name,
    receiver_name,
)
from .metrics import DISPATCH_DURATION, REASON, RECEIVER_DURATION, RECEIVERS_RUNNING, RECORDS_DROPPED


class Span(NamedTuple):
    """A kind of span, by an example of its name."""

    name: str
    meaning: str


class Attribute(NamedTuple):
    """An attribute of spans; durations are in seconds."""

    name: str
    on: Literal["dispatch", "receiver", "both"]
    type: Literal["string", "int", "double, s"]
    meaning: str


class Metric(NamedTuple):
    """A metric, its OpenTelemetry instrument and the attributes that it is counted by."""

    name: str
    instrument: Literal["histogram", "up-down counter", "counter"]
    unit: str
    attributes: tuple[str, ...]
    meaning: str


OUTCOMES_OF_SPANS = ("ok", "raised", "swallowed", "cancelled", "late")

SPANS = (
    Span(dispatch_name("django.db.models.signals.post_save"), "A dispatch, with the last part of the signal's name."),
    Span(receiver_name("shop.receivers.send_mail"), "A receiver call, with the receiver's full name."),
)
ATTRIBUTES = (
    Attribute(SIGNAL, "both", "string", "Dotted name of the signal."),
    Attribute(METHOD, "dispatch", "string", "`send`, `send_robust`, `asend` or `asend_robust`."),
    Attribute(SENDER, "dispatch", "string", "Name of the sender."),
    Attribute(RECEIVERS, "dispatch", "int", "Number of receivers."),
    Attribute(FAILED, "dispatch", "int", "Number of receivers that raised, swallowed exceptions included."),
    Attribute(
        AGGREGATED_RECEIVERS,
        "dispatch",
        "int",
        "Number of receiver calls without a span of their own; absent if there is none.",
    ),
    Attribute(AGGREGATED_RECEIVERS_TIME, "dispatch", "double, s", "Total duration of these calls."),
    Attribute(
        AGGREGATED_DISPATCHES,
        "dispatch",
        "int",
        "Number of dispatches that the span aggregates; absent if it is one.",
    ),
    Attribute(
        AGGREGATED_DISPATCHES_TIME,
        "dispatch",
        "double, s",
        "Total duration of these dispatches; the span lasts from the start of the first to the end of the last.",
    ),
    Attribute(
        OUTCOME,
        "receiver",
        "string",
        f"{', '.join(f'`{outcome}`' for outcome in OUTCOMES_OF_SPANS)}; a late one ended after its dispatch.",
    ),
    Attribute(FUNCTION, "receiver", "string", "Dotted name of the receiver."),
    Attribute(PATH, "receiver", "string", "File in which the receiver is defined, if there is one."),
    Attribute(LINE, "receiver", "int", "Line of its `def`, or of its first decorator."),
    Attribute(ERROR, "both", "string", "Class of the exception: on the receiver, and on the dispatch if it raised."),
)
METRICS = (
    Metric(DISPATCH_DURATION, "histogram", "s", (SIGNAL, ERROR), "Duration of a dispatch."),
    Metric(RECEIVER_DURATION, "histogram", "s", (SIGNAL, FUNCTION, OUTCOME, ERROR), "Duration of a receiver call."),
    Metric(RECEIVERS_RUNNING, "up-down counter", "{receiver}", (SIGNAL, FUNCTION), "Receivers still running."),
    Metric(
        RECORDS_DROPPED,
        "counter",
        "{record}",
        (REASON,),
        "Records that were observed and lost: `queue_full`, `store`, `late_spans`.",
    ),
)
