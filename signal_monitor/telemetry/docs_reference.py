"""Spans, attributes and metrics with their documentation, from which the tables in the docs are generated."""

from __future__ import annotations

from typing import Literal, NamedTuple

from .attributes import (
    AGGREGATED_DISPATCHES,
    AGGREGATED_DISPATCHES_TIME,
    AGGREGATED_FAILED,
    AGGREGATED_RECEIVERS,
    AGGREGATED_RECEIVERS_TIME,
    AGGREGATED_SLOW,
    ERROR,
    FAILED,
    FUNCTION,
    LINE,
    METHOD,
    OUTCOME,
    PATH,
    RECEIVERS,
    SEND_METHOD_TIME,
    SENDER,
    SENT_BY,
    SIGNAL,
    aggregated_name,
    dispatch_name,
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


POST_SAVE = "django.db.models.signals.post_save"
OUTCOMES_OF_SPANS = ("ok", "raised", "swallowed", "cancelled", "late")

SPANS = (
    Span(dispatch_name(POST_SAVE), "A dispatch, with the last part of the signal's name."),
    Span(
        "receive shop.send_mail",
        "A receiver call, with the label of the app that defines the receiver, and its name in its module. Where two "
        "modules of the app define that name, the module stands in between.",
    ),
    Span(aggregated_name(POST_SAVE), "Dispatches of one signal, sender and method beyond the budget of their trace."),
)
ATTRIBUTES = (
    Attribute(SIGNAL, "both", "string", "Dotted name of the signal."),
    Attribute(METHOD, "dispatch", "string", "`send`, `send_robust`, `asend` or `asend_robust`."),
    Attribute(SENDER, "dispatch", "string", "Name of the sender."),
    Attribute(RECEIVERS, "dispatch", "int", "Number of receivers."),
    Attribute(FAILED, "dispatch", "int", "Number of receivers that raised, swallowed exceptions included."),
    Attribute(
        SEND_METHOD_TIME,
        "dispatch",
        "double, s",
        "Time in which a send method of a subclass ran none of its receivers. Only for such methods; not if the method "
        "calls Django's and other code has asked for the span.",
    ),
    Attribute(
        SENT_BY,
        "dispatch",
        "string",
        "`log handlers` or `send method`, if these have sent it inside another dispatch, and no receiver.",
    ),
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
        "Total duration of these dispatches. The span lasts as long, unless its parent ends before.",
    ),
    Attribute(AGGREGATED_SLOW, "dispatch", "int", "Number of these dispatches that were slow."),
    Attribute(
        AGGREGATED_FAILED,
        "dispatch",
        "int",
        "Number of these dispatches with a failed receiver. The first slow and failed calls are events of the span.",
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
        "Records that were observed and lost: `queue_full`, `store`, `not_delivered_at_exit`, `interrupted`.",
    ),
)
