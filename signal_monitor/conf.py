"""The ``SIGNAL_MONITOR`` setting: declared once, typed, frozen, forgotten when settings change."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

SETTING = "SIGNAL_MONITOR"
SELECTABLE = ("signal", "sender", "receiver", "app")
UNSPANNED = (
    "django.db.models.signals.pre_init",
    "django.db.models.signals.post_init",
    "django.db.models.signals.class_prepared",
    "django.db.backends.signals.connection_created",
    "django.core.signals.setting_changed",
    "django.core.signals.request_started",
    "django.core.signals.request_finished",
)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings, with their defaults.

    ENABLED: observe signals at all.
    STORE: "sqlite" (a file that every process of the project finds the same way), "sqlite:////absolute/path", "memory".
    SLOW_MS: from how many milliseconds a receiver call or a dispatch is slow; ten times that is critical.
    SLOW_MS_OVERRIDES: other limits, {pattern of a signal's or receiver's dotted name: milliseconds}.
    REQUEST_SLOW_MS: in DEBUG, log one line for a request that took longer; 0 logs none.
    REQUEST_PATHS: keep requests' paths; None means in DEBUG only. Otherwise the route that matched stands for the path,
    so that no token in a link is kept.
    ERROR_MESSAGES: keep the plain texts of exceptions; without, their types alone.
    SERVER_TIMING: send a Server-Timing header; None means in DEBUG only.
    QUEUE_SIZE: dispatches waiting for the worker; more are dropped and counted.
    HISTORY_SIZE: dispatches kept one by one, and as many again of the slow and of the failed ones.
    SAMPLE_PER_SECOND: how many ordinary dispatches a process stores one by one each second; slow and failed ones are
    always stored.
    COUNT_QUERIES: count the database queries of each receiver.
    SPANS: emit OpenTelemetry spans.
    SPANS_NEED_PARENT: only under a recording span.
    SPANS_MIN_MS: from how many milliseconds on an ordinary dispatch gets spans of its own; those that are slow or
        failed, or whose spans somebody has asked for, always do.
    SPANS_PER_TRACE: how many spans of ours a trace may have, beside those of slow and failed receivers; the rest is
        folded into spans that say how many dispatches they stand for. None sets no limit.
    SPANS_INCLUDE: patterns of names, under "signal", "sender", "receiver" and "app" (the one that defines the
        receiver): what matches none of those under one of these, gets no span.
    SPANS_EXCLUDE: likewise, and what matches one gets no span. Under "signal", UNSPANNED unless told otherwise.
    METRICS: record OpenTelemetry metrics.
    TRACE_URL: a link to a trace, with {trace_id} and {span_id}; "" hides such links.
    ACCESS: dotted path of a callable that takes an HttpRequest (for a websocket, one made of its handshake) and says
    whether it may look; "" means active staff, and in DEBUG also clients on this machine.
    """

    ENABLED: bool = True
    STORE: str = "sqlite"
    SLOW_MS: float = 100.0
    SLOW_MS_OVERRIDES: Mapping[str, float] = field(default_factory=dict)
    REQUEST_SLOW_MS: float = 500.0
    REQUEST_PATHS: bool | None = None
    ERROR_MESSAGES: bool = True
    SERVER_TIMING: bool | None = None
    QUEUE_SIZE: int = 10_000
    HISTORY_SIZE: int = 2_000
    SAMPLE_PER_SECOND: int = 50
    COUNT_QUERIES: bool = True
    SPANS: bool = True
    SPANS_NEED_PARENT: bool = True
    SPANS_MIN_MS: float = 0
    SPANS_PER_TRACE: int | None = 100
    SPANS_INCLUDE: Mapping[str, Sequence[str]] = field(default_factory=dict)
    SPANS_EXCLUDE: Mapping[str, Sequence[str]] = field(default_factory=dict)
    METRICS: bool = True
    TRACE_URL: str = ""
    ACCESS: str = ""

    @property
    def slow_ns(self) -> int:
        """The general limit, in nanoseconds."""
        return int(self.SLOW_MS * 1e6)


Rule = tuple[str, Callable[[object], bool]]
"""What is allowed, for a person, and whether a value is."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_limits(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) and _is_number(item) for key, item in value.items())


def _is_patterns(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        key in SELECTABLE and isinstance(item, list | tuple) and all(isinstance(pattern, str) for pattern in item)
        for key, item in value.items()
    )


def _is_store(value: object) -> bool:
    prefix = "sqlite:////"
    return isinstance(value, str) and (value in {"sqlite", "memory"} or (value.startswith(prefix) and value != prefix))


def _is_trace_url(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return not value or value.format(trace_id="1", span_id="2") != value.format(trace_id="3", span_id="2")
    except (KeyError, IndexError, ValueError):
        return False


_SWITCH: Rule = ("True or False", lambda value: isinstance(value, bool))
_SWITCH_OR_NONE: Rule = ("True, False or None", lambda value: value is None or isinstance(value, bool))
_MILLISECONDS: Rule = ("a number of milliseconds, 0 or more", _is_number)
_SIZE: Rule = ("a whole number, 1 or more", lambda value: type(value) is int and value >= 1)
_PATTERNS: Rule = (
    'a dict of lists of patterns, under "signal", "sender", "receiver" and "app"',
    _is_patterns,
)
_RULES: dict[str, Rule] = {
    "ENABLED": _SWITCH,
    "STORE": ('"sqlite", "sqlite:///" and an absolute path, or "memory"', _is_store),
    "SLOW_MS": _MILLISECONDS,
    "SLOW_MS_OVERRIDES": ("a dict of patterns and numbers of milliseconds", _is_limits),
    "REQUEST_SLOW_MS": _MILLISECONDS,
    "REQUEST_PATHS": _SWITCH_OR_NONE,
    "ERROR_MESSAGES": _SWITCH,
    "SERVER_TIMING": _SWITCH_OR_NONE,
    "QUEUE_SIZE": _SIZE,
    "HISTORY_SIZE": _SIZE,
    "SAMPLE_PER_SECOND": ("a whole number, 0 or more", _is_count),
    "COUNT_QUERIES": _SWITCH,
    "SPANS": _SWITCH,
    "SPANS_NEED_PARENT": _SWITCH,
    "SPANS_MIN_MS": _MILLISECONDS,
    "SPANS_PER_TRACE": ("a whole number, 0 or more, or None", lambda value: value is None or _is_count(value)),
    "SPANS_INCLUDE": _PATTERNS,
    "SPANS_EXCLUDE": _PATTERNS,
    "METRICS": _SWITCH,
    "TRACE_URL": ('a URL with {trace_id} and, if you like, {span_id}, or ""', _is_trace_url),
    "ACCESS": ('a dotted path, or ""', lambda value: isinstance(value, str)),
}


def _checked(key: str, value: Any) -> Any:  # noqa: ANN401
    """The value, or an ImproperlyConfigured that says what is allowed."""
    if key not in _RULES:
        raise ImproperlyConfigured(f"{SETTING} has an unknown key {key!r}; the keys are {', '.join(sorted(_RULES))}.")
    allowed, is_fine = _RULES[key]
    if not is_fine(value):
        raise ImproperlyConfigured(f"{SETTING}[{key!r}] is {value!r}; it must be {allowed}.")
    return tuple(value) if isinstance(value, list) else value


def read(value: object) -> Config:
    """Make a Config of a SIGNAL_MONITOR dict.

    Raises ImproperlyConfigured that names the key, the value and what is allowed.
    """
    if not isinstance(value, Mapping):
        raise ImproperlyConfigured(f"{SETTING} is {value!r}; it must be a dict.")
    return Config(**{key: _checked(key, item) for key, item in value.items()})


@cache
def get_config() -> Config:
    """The project's configuration, read once."""
    return read(getattr(settings, SETTING, {}))


def forget(*, setting: str, **_kwargs: object) -> None:
    """Read the setting anew next time, if it is ours that changed; a receiver of ``setting_changed``."""
    if setting == SETTING:
        get_config.cache_clear()
