"""Names and attributes of the spans.

Source: OpenTelemetry semantic conventions 1.44.0 for ``code.*``, ``error.type`` and ``exception.*``;
``django.signal.*`` is our own namespace.
"""

from __future__ import annotations

import linecache

from signal_monitor.records import Dispatch, Failure, ReceiverCall


def dispatch_name(signal: str) -> str:
    """A dispatch span's name: ``send post_save`` for ``django.db.models.signals.post_save``."""
    return f"send {signal.rpartition('.')[2]}"


def receiver_name(receiver: str) -> str:
    """A receiver span's name."""
    return f"receive {receiver}"


def dispatch_attributes(dispatch: Dispatch) -> dict[str, str | int]:
    """What a dispatch span says."""
    attributes: dict[str, str | int] = {
        "django.signal.name": dispatch.signal,
        "django.signal.method": dispatch.method,
        "django.signal.sender": dispatch.sender,
        "django.signal.receivers.count": len(dispatch.calls),
        "django.signal.receivers.failed": sum(1 for call in dispatch.calls if call.failed),
    }
    if dispatch.failure is not None:
        attributes["error.type"] = dispatch.failure.type
    return attributes


def receiver_attributes(call: ReceiverCall, signal: str | None) -> dict[str, str | int]:
    """What a receiver span says."""
    attributes: dict[str, str | int] = {
        "code.function.name": call.receiver,
        "django.signal.receiver.outcome": call.outcome,
    }
    if signal is not None:
        attributes["django.signal.name"] = signal
    if call.path is not None and call.line is not None:
        attributes["code.file.path"] = call.path
        attributes["code.line.number"] = call.line
    if call.failure is not None:
        attributes["error.type"] = call.failure.type
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
