"""Names and attributes of the spans, and of what the metrics are counted by.

Source: OpenTelemetry semantic conventions 1.44.0 for ``code.*``, ``error.type`` and ``exception.*``;
``django.signal.*`` is our own namespace.
"""

from __future__ import annotations

import linecache

from signal_monitor.records import Dispatch, Failure, ReceiverCall

Attributes = dict[str, str | int | float]

SIGNAL = "django.signal.name"
METHOD = "django.signal.method"
SENDER = "django.signal.sender"
RECEIVERS = "django.signal.receivers.count"
FAILED = "django.signal.receivers.failed"
AGGREGATED_RECEIVERS = "django.signal.receivers.aggregated.count"
AGGREGATED_RECEIVERS_TIME = "django.signal.receivers.aggregated.duration"
AGGREGATED_DISPATCHES = "django.signal.dispatches.aggregated.count"
AGGREGATED_DISPATCHES_TIME = "django.signal.dispatches.aggregated.duration"
OUTCOME = "django.signal.receiver.outcome"
FUNCTION = "code.function.name"
PATH = "code.file.path"
LINE = "code.line.number"
ERROR = "error.type"


def dispatch_name(signal: str) -> str:
    """A dispatch span's name: ``send post_save`` for ``django.db.models.signals.post_save``."""
    return f"send {signal.rpartition('.')[2]}"


def receiver_name(receiver: str) -> str:
    """A receiver span's name."""
    return f"receive {receiver}"


def dispatch_attributes(dispatch: Dispatch) -> Attributes:
    """What a dispatch span says."""
    attributes: Attributes = {
        SIGNAL: dispatch.signal,
        METHOD: dispatch.method,
        SENDER: dispatch.sender,
        RECEIVERS: len(dispatch.calls),
        FAILED: sum(1 for call in dispatch.calls if call.failed),
    }
    if dispatch.failure is not None:
        attributes[ERROR] = dispatch.failure.type
    return attributes


def aggregated_attributes(calls: int, total_ns: int) -> Attributes:
    """What a dispatch span says of the receiver calls that have no span of their own: how many, and seconds."""
    return {AGGREGATED_RECEIVERS: calls, AGGREGATED_RECEIVERS_TIME: total_ns / 1e9} if calls else {}


def receiver_attributes(call: ReceiverCall, signal: str) -> Attributes:
    """What a receiver span says."""
    attributes: Attributes = {FUNCTION: call.receiver, OUTCOME: call.outcome, SIGNAL: signal}
    if call.path is not None and call.line is not None:
        attributes[PATH] = call.path
        attributes[LINE] = call.line
    if call.failure is not None:
        attributes[ERROR] = call.failure.type
    return attributes


def exception_attributes(failure: Failure) -> dict[str, str]:
    """What an exception event says; the stack trace is printed as Python does."""
    return {
        "exception.type": failure.type,
        "exception.message": failure.message or "",
        "exception.stacktrace": stacktrace(failure),
    }


def stacktrace(failure: Failure) -> str:
    """A failure's traceback as text."""
    lines = ["Traceback (most recent call last):"]
    for frame in failure.traceback:
        lines.append(f'  File "{frame.path}", line {frame.line}, in {frame.function}')
        source = linecache.getline(frame.path, frame.line).strip()
        if source:
            lines.append(f"    {source}")
    return "\n".join([*lines, f"{failure.type}: {failure.message}" if failure.message else failure.type])
