"""The ``SIGNAL_MONITOR`` setting: declared once, typed, validated, read again when the setting is replaced."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from .scrubbing import problem_of
from .thresholds import SlowLimits, slow_limits

SETTING = "SIGNAL_MONITOR"
WITHOUT_SPANS = (
    "django.db.models.signals.pre_init",
    "django.db.models.signals.post_init",
    "django.db.models.signals.class_prepared",
    "django.db.backends.signals.connection_created",
    "django.core.signals.setting_changed",
    "django.core.signals.request_started",
    "django.core.signals.request_finished",
)
"""The default patterns of ``SPANS_EXCLUDE``: signals that Django sends for nearly everything."""


class Rule(NamedTuple):
    """Which values a setting accepts: as a text for people, and as a function; ``problem`` says what is wrong."""

    allowed: str
    accepts: Callable[[object], bool]
    problem: Callable[[Any], str] = lambda _: ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_percent(value: object) -> bool:
    return _is_number(value) and 5 <= value <= 100  # type: ignore[operator]


def _is_slow_ms(value: object) -> bool:
    if not isinstance(value, Mapping):
        return _is_number(value)
    return all(isinstance(pattern, str) and _is_number(ms) for pattern, ms in value.items())


def _is_patterns(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) and item.strip("!") for item in value)


def _is_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _is_scrub_patterns(value: object) -> bool:
    return value is None or (_is_texts(value) and not _scrub_problem(value))


def _scrub_problem(value: Any) -> str:  # noqa: ANN401 - whatever the setting has
    return "; ".join(filter(None, map(problem_of, value))) if _is_texts(value) else ""


def _is_silenced(value: object) -> bool:
    return _is_texts(value) and all(item.partition(":")[0].strip() for item in value)  # type: ignore[attr-defined]


def _is_store(value: object) -> bool:
    prefix = "sqlite:////"
    return isinstance(value, str) and (value in {"sqlite", "memory"} or (value.startswith(prefix) and value != prefix))


def _is_trace_url(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return not value or value.format(trace_id="1", span_id="2") != value.format(trace_id="3", span_id="2")
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return False


def _is_editor_url(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return not value or (
            value.format(path="/a", line=1) != value.format(path="/b", line=1)
            and urlsplit(value).scheme not in {"", "javascript", "data"}
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return False


BOOLEAN = Rule("True or False", lambda value: isinstance(value, bool))
BOOLEAN_OR_NONE = Rule("True, False or None", lambda value: value is None or isinstance(value, bool))
MILLISECONDS = Rule("a number of milliseconds, 0 or more", _is_number)
SLOW_MS = Rule('a number of milliseconds, 0 or more, or a dict such as {"shop.receivers.*": 20, "*": 100}', _is_slow_ms)
PERCENT = Rule("a number from 5 to 100", _is_percent)
COUNT = Rule("a whole number, 0 or more", _is_count)
COUNT_OR_NONE = Rule("a whole number, 0 or more, or None", lambda value: value is None or _is_count(value))
SIZE = Rule("a whole number of megabytes, 1 or more", lambda value: type(value) is int and value >= 1)
STORE = Rule('"sqlite", "sqlite:///" and an absolute path, or "memory"', _is_store)
SILENCED = Rule('a list of codes and receivers, such as ["R201:shop.receivers.render_*", "W108"]', _is_silenced)
PATTERNS = Rule('a list of patterns, such as ["*.m2m_changed", "!*.post_init"]', _is_patterns)
SCRUB_PATTERNS = Rule(
    'a list of words and regular expressions, such as ["iban", "CUST-[0-9]{8}"], or None',
    _is_scrub_patterns,
    _scrub_problem,
)
TRACE_URL = Rule('a URL with {trace_id} and, optionally, {span_id}, or ""', _is_trace_url)
EDITOR_URL = Rule('a URL with {path} and, optionally, {line}, or ""', _is_editor_url)
DOTTED_PATH = Rule('a dotted path, or ""', lambda value: isinstance(value, str))


def _setting(default: Any, rule: Rule, text: str) -> Any:  # noqa: ANN401 - as dataclasses.field() is typed
    """A field with its documentation."""
    return field(default=default, metadata={"rule": rule, "help": text})


@dataclass(frozen=True, slots=True)
class Config:
    """The settings with their defaults; each field has its rule and its documentation."""

    ENABLED: bool = _setting(True, BOOLEAN, "Observe signals at all.")  # noqa: FBT003 - a default
    STORE: str = _setting(
        "sqlite",
        STORE,
        'Where records are stored. `"sqlite"` is a file that all processes of the project share, '
        '`"sqlite:////absolute/path"` is a file of your choice, `"memory"` is this process only.',
    )
    STORE_MB: int = _setting(
        64,
        SIZE,
        "Size of the store in megabytes. When it is full, the oldest records are deleted: routine dispatches first, "
        "then requests, slow dispatches and failed dispatches.",
    )
    SLOW_MS: float | Mapping[str, float] = _setting(
        100,
        SLOW_MS,
        "A receiver call is slow if its own time reaches this limit, in ms, and a dispatch if its time in receivers "
        "does; ten times that is critical. Waiting does not count. With `0`, every call is critical. "
        "A dict gives limits by pattern of the dotted name of a signal or receiver: "
        '`{"shop.receivers.*": 20, "*": 200}`. '
        'The first pattern that matches decides. `"*"`, given last, is the general limit, which is 100 without it.',
    )
    REQUEST_SLOW_MS: float = _setting(
        500,
        MILLISECONDS,
        "Duration in ms from which a request counts as slow. Slow requests are always stored, and with `DEBUG` each "
        "logs one line. With `0`, no request counts as slow.",
    )
    REQUEST_PATHS: bool | None = _setting(
        None,
        BOOLEAN_OR_NONE,
        "Store the paths of requests. `None` means only with `DEBUG`. Otherwise the matched route is stored instead of "
        "the path, so that no token of a link is kept.",
    )
    ERROR_MESSAGES: bool = _setting(
        True,  # noqa: FBT003 - a default
        BOOLEAN,
        "Store the messages of exceptions. With `False`, only their types are stored.",
    )
    SCRUB_PATTERNS: Sequence[str] | None = _setting(
        (),
        SCRUB_PATTERNS,
        "What else is secret, added to the built-in patterns. A word is the name of a secret, whose value is replaced "
        "by `[scrubbed]`; anything else is a regular expression, whose matches are replaced. With `None`, nothing is "
        "scrubbed.",
    )
    SERVER_TIMING: bool | None = _setting(
        None,
        BOOLEAN_OR_NONE,
        "Send a `Server-Timing` header. `None` means to everybody with `DEBUG`, otherwise to staff users.",
    )
    SAMPLE_PER_SECOND: int = _setting(
        50,
        COUNT,
        "Number of routine dispatches, and of routine requests, that a process stores individually each second. Slow "
        "and failed ones are stored too, but of those that fail alike only 20 a second. Totals count all.",
    )
    WORKER_CPU_PERCENT: float = _setting(
        50,
        PERCENT,
        "How much of one processor core the thread that delivers records may take in each process, in per cent. It "
        "usually takes far less. When it cannot keep up, records are dropped; the health page counts them.",
    )
    DATABASE_WORK: bool | None = _setting(
        None,
        BOOLEAN_OR_NONE,
        "Observe the database work of each receiver call and request: queries, alike queries, rows written and "
        "transactions. `None` means only with `DEBUG`.",
    )
    SPANS_PER_TRACE: int | None = _setting(
        100,
        COUNT_OR_NONE,
        "Number of OpenTelemetry spans that the monitor makes in a trace. Further dispatches are aggregated in spans "
        "that give their number, and tell of the first slow and failed ones. `None` sets no limit, `0` makes no spans "
        "at all.",
    )
    SPANS_EXCLUDE: Sequence[str] = _setting(
        (),
        PATTERNS,
        "Patterns of signals, senders, receivers and apps that get no spans, added to the default patterns. `!pattern` "
        "removes what it matches from the patterns before it, the default ones included.",
    )
    METRICS: bool = _setting(True, BOOLEAN, "Record OpenTelemetry metrics.")  # noqa: FBT003 - a default
    SILENCED_FINDINGS: Sequence[str] = _setting(
        (),
        SILENCED,
        "Findings that are not shown, as code and pattern of the receiver or signal: "
        '`["R201:shop.receivers.render_*"]`. Without a pattern, no finding of that code is shown. '
        "`SILENCED_SYSTEM_CHECKS` silences all of a code too.",
    )
    TRACE_URL: str = _setting(
        "", TRACE_URL, "Link to a trace, with `{trace_id}` and, optionally, `{span_id}`. Empty means no links."
    )
    EDITOR_URL: str = _setting(
        "",
        EDITOR_URL,
        "Link that opens a file in your editor, with `{path}` and, optionally, `{line}`: "
        '`"vscode://file{path}:{line}"`. Empty means no links.',
    )
    ACCESS: str = _setting(
        "",
        DOTTED_PATH,
        "Dotted path of a callable that takes an `HttpRequest` (for a websocket, one made from its handshake) and "
        "returns `True` if it may see the pages; it may be async. Empty means active staff users and, with `DEBUG`, "
        "browsers on the same machine.",
    )
    ADMIN_LINK: bool = _setting(
        True,  # noqa: FBT003 - a default
        BOOLEAN,
        "List the dashboard in the index of Django's admin, for those who may see it.",
    )

    @property
    def slow_limits(self) -> SlowLimits:
        """The limits that SLOW_MS sets."""
        return slow_limits(self.SLOW_MS)

    @property
    def store_bytes(self) -> int:
        """Size of the store in bytes."""
        return self.STORE_MB * 1024 * 1024

    @property
    def observes_databases(self) -> bool:
        """Whether database work is observed."""
        return settings.DEBUG if self.DATABASE_WORK is None else self.DATABASE_WORK

    @property
    def makes_spans(self) -> bool:
        """Whether any dispatch gets spans."""
        return self.SPANS_PER_TRACE != 0

    @property
    def request_slow_ns(self) -> int | None:
        """Duration in nanoseconds from which a request counts as slow; None if none does."""
        return round(self.REQUEST_SLOW_MS * 1e6) or None


REMOVED = {
    "COUNT_QUERIES": 'was replaced by DATABASE_WORK, which is on with DEBUG. Write "DATABASE_WORK": True to count '
    "queries without DEBUG too",
    "SLOW_MS_OVERRIDES": 'is part of SLOW_MS now. Write "SLOW_MS": {"shop.receivers.*": 20, "*": 100}, with the '
    "general limit last",
    "QUEUE_SIZE": "was removed: the queue holds 10,000 records. Remove the key",
    "HISTORY_SIZE": 'was replaced by STORE_MB, the size of the store in megabytes. Write "STORE_MB": 64',
    "SPANS": 'is part of SPANS_PER_TRACE now. Write "SPANS_PER_TRACE": 0 for no spans; otherwise remove the key',
    "SPANS_NEED_PARENT": "was removed: dispatches get spans only under a recording span. Remove the key, and start a "
    "span of your own around what you want to trace",
    "SPANS_MIN_MS": 'was replaced by SPANS_PER_TRACE, the number of spans. Write, for example, "SPANS_PER_TRACE": 10',
    "SPANS_INCLUDE": "was removed: SPANS_EXCLUDE lists what gets no spans. Write, for example, "
    '"SPANS_EXCLUDE": ["*.m2m_changed", "*.LogEntry"]',
}
"""What became of former keys, for those who still have them."""
_RULES: Mapping[str, Rule] = {item.name: item.metadata["rule"] for item in fields(Config)}


def _checked(key: str, value: Any) -> Any:  # noqa: ANN401
    """The value, or an ImproperlyConfigured that says what is allowed."""
    if key in REMOVED:
        raise ImproperlyConfigured(f"{SETTING}[{key!r}] {REMOVED[key]}.")
    if key not in _RULES:
        raise ImproperlyConfigured(f"{SETTING} has an unknown key {key!r}; the keys are {', '.join(sorted(_RULES))}.")
    rule = _RULES[key]
    if not rule.accepts(value):
        problem = rule.problem(value)
        reason = f" ({problem})" if problem else ""
        raise ImproperlyConfigured(f"{SETTING}[{key!r}] is {value!r}; it must be {rule.allowed}{reason}.")
    return tuple(value) if isinstance(value, list) else value


def read(value: object) -> Config:
    """Make a Config of a SIGNAL_MONITOR dict.

    Raises ImproperlyConfigured that names the key, the value and what is allowed.
    """
    if not isinstance(value, Mapping):
        raise ImproperlyConfigured(f"{SETTING} is {value!r}; it must be a dict.")
    return Config(**{key: _checked(key, item) for key, item in value.items()})


_NOT_SET: Mapping[str, object] = {}


class _Read:
    """The value of the setting that was read last, and the Config made of it, as one pair for all threads."""

    last: tuple[object, Config] = (_NOT_SET, Config())


def current_value() -> object:
    """The value of the setting now; the same object until the setting is replaced, as ``override_settings`` does."""
    return getattr(settings, SETTING, _NOT_SET)


def get_config() -> Config:
    """The project's configuration; it follows a replaced setting, at the cost of comparing two references."""
    value = current_value()
    last = _Read.last
    if last[0] is not value:
        last = _Read.last = (value, read(value))
    return last[1]  # not of _Read: another thread may have replaced it
