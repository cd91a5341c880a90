"""Names, attributes and times of the spans, and the attributes of the metrics.

Source: OpenTelemetry semantic conventions 1.44.0 for ``code.*``, ``error.type`` and ``exception.*``;
``django.signal.*`` is our own namespace.
"""

from __future__ import annotations

import linecache
import re
import sys
import types
from collections.abc import Iterable
from time import perf_counter_ns, time_ns
from typing import Any, NamedTuple

from opentelemetry.trace import Span, Status, StatusCode

from signal_monitor.instrumentation.info import DispatchInfo, ReceiverInfo
from signal_monitor.names import Apps, shortened
from signal_monitor.records import Failure, Outcome
from signal_monitor.scrubbing import scrub

Attributes = dict[str, str | int | float]
MAX_NAMES = 5_000

SIGNAL = "django.signal.name"
METHOD = "django.signal.method"
SENDER = "django.signal.sender"
RECEIVERS = "django.signal.receivers.count"
FAILED = "django.signal.receivers.failed"
SENT_BY = "django.signal.sent_by"
SEND_METHOD_TIME = "django.signal.send_method.duration"
AGGREGATED_RECEIVERS = "django.signal.receivers.aggregated.count"
AGGREGATED_RECEIVERS_TIME = "django.signal.receivers.aggregated.duration"
AGGREGATED_DISPATCHES = "django.signal.dispatches.aggregated.count"
AGGREGATED_DISPATCHES_TIME = "django.signal.dispatches.aggregated.duration"
AGGREGATED_SLOW = "django.signal.dispatches.aggregated.slow"
AGGREGATED_FAILED = "django.signal.dispatches.aggregated.failed"
OUTCOME = "django.signal.receiver.outcome"
DURATION = "django.signal.receiver.duration"
FUNCTION = "code.function.name"
PATH = "code.file.path"
LINE = "code.line.number"
ERROR = "error.type"
EXCEPTION_EVENT = "exception"
SLOW_EVENT = "django.signal.receiver.slow"


def dispatch_name(signal: str) -> str:
    """The name of a dispatch's span: ``send post_save`` for ``django.db.models.signals.post_save``."""
    attribute, bracket, key = signal.partition("[")
    return f"send {attribute.rpartition('.')[2]}{bracket}{key}"


def aggregated_name(signal: str) -> str:
    """The name of a span of many dispatches: ``send post_save (aggregated)``."""
    return f"{dispatch_name(signal)} (aggregated)"


class ReceiverNames:
    """The names of receivers' spans: ``receive shop.send_mail`` for ``send_mail`` of the app ``project.shop``.

    A receiver of no app has the last two parts of its module before its name.
    """

    def __init__(self, apps: Apps) -> None:
        self._apps = apps
        self._known: dict[tuple[str, str], str] = {}

    def of(self, receiver: ReceiverInfo) -> str:
        """The name of a receiver's span."""
        key = (receiver.module, receiver.name)
        name = self._known.get(key)
        if name is None:
            if len(self._known) >= MAX_NAMES:
                self._known.clear()
            name = self._known[key] = f"receive {shortened(self._short(receiver.module, receiver.name))}"
        return name

    def _short(self, module: str, name: str) -> str:
        qualified = name.replace(f"{module}.", "", 1) if module else name
        app = self._apps.of(module)
        if app is None:
            return ".".join([*module.split(".")[-2:], qualified]) if module else name
        label = app.rpartition(".")[2]
        inside = module.removeprefix(app).strip(".")
        if inside and _is_defined_elsewhere(qualified.removeprefix("partial("), module, app):
            return f"{label}.{inside}.{qualified}"
        return f"{label}.{qualified}"


def _is_defined_elsewhere(qualified: str, module: str, app: str) -> bool:
    """Whether another loaded module of an app defines a function or a class of the same name."""
    attribute = re.split(r"\W", qualified, maxsplit=1)[0]
    return any(
        name != module and (name == app or name.startswith(f"{app}.")) and _defines(other, name, attribute)
        for name, other in list(sys.modules.items())
    )


def _defines(module: object, name: str, attribute: str) -> bool:
    held = vars(module).get(attribute) if type(module) is types.ModuleType else None
    return type(held) in {types.FunctionType, type} and held.__module__ == name


def dispatch_attributes(info: DispatchInfo) -> Attributes:
    """The attributes of a dispatch's span that are known when it starts."""
    return {SIGNAL: info.signal.name, METHOD: info.method, SENDER: scrub(info.sender), RECEIVERS: len(info.receivers)}


def ended_dispatch_attributes(failed: int, failure: Failure | None) -> Attributes:
    """The attributes of a dispatch's span that are known when it has ended."""
    return {FAILED: failed} if failure is None else {FAILED: failed, ERROR: failure.type}


def aggregated_attributes(durations_ns: Iterable[int]) -> Attributes:
    """The attributes of a dispatch's span for the receiver calls that have no span of their own."""
    durations_ns = list(durations_ns)
    if not durations_ns:
        return {}
    return {AGGREGATED_RECEIVERS: len(durations_ns), AGGREGATED_RECEIVERS_TIME: sum(durations_ns) / 1e9}


def send_method_attributes(duration: float, calls: Iterable[tuple[float, float]]) -> Attributes:
    """The time, in seconds, in which a send method of a subclass ran none of its receivers.

    ``calls`` are the starts and ends of the receiver calls, from the start of the dispatch.
    """
    covered = latest = 0.0
    for start, end in sorted(calls):
        until = min(end, duration)
        covered += max(0.0, until - max(start, latest))
        latest = max(latest, until)
    return {SEND_METHOD_TIME: duration - covered}


def receiver_attributes(receiver: ReceiverInfo, signal: str) -> Attributes:
    """The attributes of a receiver call's span that are known when it starts."""
    attributes: Attributes = {FUNCTION: receiver.name, SIGNAL: signal}
    if receiver.path is not None and receiver.line is not None:
        attributes |= {PATH: receiver.path, LINE: receiver.line}
    return attributes


def ended_receiver_attributes(outcome: Outcome, failure: Failure | None) -> Attributes:
    """The attributes of a receiver call's span that are known when it has ended."""
    return {OUTCOME: outcome} if failure is None else {OUTCOME: outcome, ERROR: failure.type}


def end_receiver_span(span: Span, outcome: Outcome, failure: Failure | None, ended_ns: int, *, again: bool) -> None:
    """End a receiver call's span, unless the receiver has; ``again``: a span inside it has recorded the exception."""
    if not span.is_recording():
        return
    span.set_attributes(ended_receiver_attributes(outcome, failure))
    if failure is not None:
        _set_failed(span, failure.summary)
        if not again:
            span.add_event(EXCEPTION_EVENT, exception_attributes(failure), ended_ns)
    span.end(ended_ns)


def end_dispatch_span(span: Span, attributes: Attributes, failure: Failure | None, ended_ns: int) -> None:
    """End a dispatch's span."""
    span.set_attributes(attributes)
    if failure is not None:
        _set_failed(span, None)
    span.end(ended_ns)


def _set_failed(span: Any, description: str | None) -> None:  # noqa: ANN401 - whatever a provider makes
    """Mark a span as failed, unless the receiver has set its status."""
    status = getattr(span, "status", None)
    if status is None or status.status_code is StatusCode.UNSET:
        span.set_status(Status(StatusCode.ERROR, description))


def exception_attributes(failure: Failure, receiver: str | None = None) -> dict[str, str]:
    """The attributes of an exception event; the stack trace is printed as Python does.

    On a span that is not the receiver's own, the receiver is named.
    """
    return {
        **({FUNCTION: receiver} if receiver is not None else {}),
        "exception.type": failure.type,
        "exception.message": failure.message or "",
        "exception.stacktrace": stacktrace(failure),
    }


def stacktrace(failure: Failure) -> str:
    """A failure's traceback as text, without secrets in its lines of code."""
    lines = ["Traceback (most recent call last):"]
    for frame in failure.traceback:
        lines.append(f'  File "{frame.path}", line {frame.line}, in {frame.function}')
        source = linecache.getline(frame.path, frame.line).strip()
        if source:
            lines.append(f"    {scrub(source)}")
    return "\n".join([*lines, f"{failure.type}: {failure.message}" if failure.message else failure.type])


class Clock(NamedTuple):
    """Nanoseconds to add to a reading of ``time.perf_counter`` for a time since the epoch: at least, and at most."""

    least: int
    most: int

    @classmethod
    def read(cls) -> Clock:
        """Compare the two clocks; again, if the thread is interrupted in between."""
        for _ in range(5):
            before, wall, after = perf_counter_ns(), time_ns(), perf_counter_ns()
            if after - before < 2_000:
                break
        return cls(wall - after, wall - before)

    def start(self, reading: float) -> int:
        """When something began: not after the first thing in it."""
        return self.least + round(reading * 1e9)

    def end(self, reading: float) -> int:
        """When something ended: not before the last thing in it."""
        return self.most + round(reading * 1e9)
