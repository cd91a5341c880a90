"""How the exports of the tracer provider in use go, for the health page.

The SDK drops what an exporter answers, and counts what a full queue loses only where its own metrics are on. So there
is a function around three methods, on the objects themselves: ``export`` of each exporter, ``drop_items`` of its
batch processor's metrics, and ``export_operation`` of its own metrics, which is told why an export has failed. They
are taken off when spans are switched off. Objects of other kinds are left alone, and less is said of them.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sized
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from signal_monitor.errors import guarded
from signal_monitor.names.classes import class_name, instance_attribute, instance_dict
from signal_monitor.pipeline import Observer
from signal_monitor.scrubbing import scrub
from signal_monitor.text import MAX_LINE, cleaned
from signal_monitor.tracing import Exporter

from .policy import deciding
from .providers import DeliverOnFlush, providers

LOOK_SECONDS = 5.0
"""The time after which the processors are looked through again, though the provider has the same ones."""
MAX_DEPTH = 4
MAX_PARTS = 100
NO_REASON = "The exporter gives no reason."
_EXPORTER_NAMES = ("span_exporter", "exporter", "_exporter")
_ENDPOINT_NAMES = ("_endpoint", "endpoint")
_NOTHING: Any = object()


class Exports:
    """What has become of the exports of one exporter since it is watched; times are in seconds since the epoch."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Count from nothing."""
        self.exported = self.lost = self.dropped = self.failures = 0
        self.last_success_at: float | None = None
        self.last_failure_at: float | None = None
        self.reason = ""
        self._told = threading.local()
        self._running: dict[object, float] = {}

    @property
    def running_since(self) -> float | None:
        """When the longest export under way began."""
        return min(list(self._running.values()), default=None)

    @guarded("the watch of an exporter", None, in_send=True)
    def begin(self) -> object:
        """An export begins; returns what ``end`` takes."""
        key = object()
        self._running[key] = time.time()
        return key

    @guarded("the watch of an exporter", None, in_send=True)
    def end(self, key: object, spans: object, result: object, error: BaseException | None = None) -> None:
        """An export has ended with a result, or an exception."""
        self._running.pop(key, None)
        count = len(spans) if isinstance(spans, Sized) else 0
        has_failed = error is not None or result is SpanExportResult.FAILURE
        reason = _shown(error, {}) if error is not None else getattr(self._told, "reason", "") or NO_REASON
        self._told.reason = ""
        with deciding():
            if has_failed:
                self.failures += 1
                self.lost += count
                self.last_failure_at, self.reason = time.time(), reason
            else:
                self.failures = 0
                self.exported += count
                self.last_success_at = time.time()

    @guarded("the watch of an exporter", None, in_send=True)
    def tell(self, error: BaseException | None, attributes: Mapping[str, object] | None) -> None:
        """The exporter says why an export fails."""
        self._told.reason = _shown(error, attributes or {})

    @guarded("the watch of an exporter", None, in_send=True)
    def drop(self, count: int) -> None:
        """A full queue has lost spans."""
        with deciding():
            self.dropped += count


def _shown(error: BaseException | None, attributes: Mapping[str, object]) -> str:
    """Why an export has failed, in one line without secrets."""
    details = getattr(error, "details", None)
    text = details() if callable(details) else error  # gRPC's errors
    codes = " ".join(f"HTTP {value}" if isinstance(value, int) else str(value) for value in attributes.values())
    kind = "" if error is None or codes else type(error).__name__
    return cleaned(scrub(": ".join(part for part in (codes, kind, str(text or "")) if part)), MAX_LINE)


def _replace(target: object, name: str, function: Callable[..., Any]) -> Callable[[], None]:
    """Give an object a method of its own; returns the function that takes it off again."""
    own = vars(target)
    before = own.get(name, _NOTHING)
    own[name] = function

    def undo() -> None:
        if own.get(name) is function:
            own.pop(name)
            if before is not _NOTHING:
                own[name] = before

    return undo


def _watching_export(original: Callable[..., Any], exports: Exports) -> Callable[..., Any]:
    @functools.wraps(original)
    def export(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - of any exporter
        key, spans = exports.begin(), args[0] if args else kwargs.get("spans")
        try:
            result = original(*args, **kwargs)
        except BaseException as error:
            exports.end(key, spans, None, error)
            raise
        exports.end(key, spans, result)
        return result

    return export


def _watching_operation(original: Callable[..., AbstractContextManager[Any]], exports: Exports) -> Callable[..., Any]:
    @functools.wraps(original)
    @contextmanager
    def export_operation(*args: Any, **kwargs: Any) -> Iterator[Any]:  # noqa: ANN401 - the SDK's signature
        with original(*args, **kwargs) as result:
            yield result
            exports.tell(getattr(result, "error", None), getattr(result, "error_attrs", None))

    return export_operation


def _watching_drops(original: Callable[..., Any], exports: Exports) -> Callable[..., Any]:
    @functools.wraps(original)
    def drop_items(count: int, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the SDK's signature
        exports.drop(count)
        return original(count, *args, **kwargs)

    return drop_items


class WatchedExporter:
    """An exporter, or a processor in which none is found, and the functions around its methods."""

    def __init__(self, processor: object, batch: object, exporter: object) -> None:
        self.exports = Exports()
        self.exporter = exporter
        self._names = class_name(type(exporter)) if exporter is not None else "", class_name(type(processor))
        self._endpoint = _endpoint_of(exporter)
        self._undo: list[Callable[[], None]] = []
        self._is_watched = self._watch(exporter, "export", _watching_export)
        self._watch(instance_attribute(exporter, "_metrics"), "export_operation", _watching_operation)
        self._counts_drops = self._watch(instance_attribute(batch, "_metrics"), "drop_items", _watching_drops)

    def _watch(self, target: object, name: str, watching: Callable[[Any, Exports], Any]) -> bool:
        """Put a function around a method, if there is one; whether there was."""
        original = getattr(target, name, None) if hasattr(target, "__dict__") else None
        if callable(original):
            self._undo.append(_replace(target, name, watching(original, self.exports)))
        return callable(original)

    def stop(self) -> None:
        """Take off what was put on."""
        while self._undo:
            self._undo.pop()()

    def describe(self) -> Exporter:
        """The record of it."""
        exports, (name, processor) = self.exports, self._names
        return Exporter(
            name=name,
            processor=processor,
            endpoint=self._endpoint,
            is_watched=self._is_watched,
            exported=exports.exported,
            lost=exports.lost,
            dropped=exports.dropped if self._counts_drops else None,
            failures=exports.failures,
            last_success_at=exports.last_success_at,
            last_failure_at=exports.last_failure_at,
            running_since=exports.running_since,
            reason=exports.reason,
        )


def _endpoint_of(exporter: object, depth: int = 0) -> str | None:
    """Where an exporter sends, or one that it hands on to."""
    for name in _ENDPOINT_NAMES:
        endpoint = instance_attribute(exporter, name)
        if isinstance(endpoint, str):
            return cleaned(scrub(endpoint), MAX_LINE)
    inside = [part for _, part in _parts(exporter) if isinstance(part, SpanExporter)] if depth < MAX_DEPTH else []
    return next(filter(None, (_endpoint_of(part, depth + 1) for part in inside)), None)


def _parts(owner: object) -> Iterator[tuple[str, object]]:
    """What an object has among its attributes, and in lists and tuples there."""
    for name, value in list(instance_dict(owner).items()):
        for part in value[:MAX_PARTS] if type(value) in {list, tuple} else (value,):
            yield name, part


def _is_exporter(name: str, part: object) -> bool:
    return isinstance(part, SpanExporter) or (name in _EXPORTER_NAMES and callable(getattr(part, "export", None)))


def find_exporters(processor: object, depth: int = 0) -> Iterator[tuple[object, object, object]]:
    """A span processor, its queue and its exporter, for each exporter in it, however processors are nested."""
    batch = instance_attribute(processor, "_batch_processor")
    parts = [*_parts(processor), *_parts(batch)]
    found = [part for name, part in parts if _is_exporter(name, part)]
    inside = [part for _, part in parts if isinstance(part, SpanProcessor)] if depth < MAX_DEPTH else []
    for exporter in found:
        yield processor, batch, exporter
    for part in inside:
        yield from find_exporters(part, depth + 1)
    if not found and not inside and depth == 0 and type(processor) is not DeliverOnFlush:
        yield processor, None, None


class ExporterWatch(Observer):
    """Watches the exporters of the provider in use; ``enabled`` says whether there are spans at all."""

    def __init__(self) -> None:
        self.enabled = False
        self._watched: dict[int, WatchedExporter] = {}
        self._processors: object = None
        self._looked_at = 0.0

    def tick(self) -> None:
        """Follow the provider and its processors."""
        self.follow()

    def flush(self) -> None:
        """Follow the provider and its processors."""
        self.follow()

    @guarded("the watch of the exporters", None, in_send=True)
    def follow(self) -> None:
        """Watch the exporters that the provider has now, and no others."""
        provider = providers.tracer_provider() if self.enabled else None
        combined = getattr(provider, "_active_span_processor", None)
        processors, now = getattr(combined, "_span_processors", combined), time.monotonic()
        if processors is not self._processors or now - self._looked_at >= LOOK_SECONDS:
            self._processors, self._looked_at = processors, now
            with deciding():
                self._look_through(processors)

    def _look_through(self, processors: object) -> None:
        several = processors if isinstance(processors, tuple) else (processors,) if processors is not None else ()
        found = {id(item[2] or item[0]): item for processor in several for item in find_exporters(processor)}
        for key in self._watched.keys() - found.keys():
            self._watched.pop(key).stop()
        for key, item in found.items():
            if key not in self._watched:
                self._watched[key] = WatchedExporter(*item)

    def describe(self) -> tuple[Exporter, ...]:
        """The records of the exporters."""
        return tuple(watched.describe() for watched in list(self._watched.values()))

    def stop(self) -> None:
        """Watch no exporter any more."""
        self.enabled = False
        self._processors = None
        for key in list(self._watched):
            self._watched.pop(key).stop()

    def forget(self) -> None:
        """Count from nothing in a forked child."""
        for watched in self._watched.values():
            watched.exports.begin_anew()
