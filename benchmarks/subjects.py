"""The subjects: Django alone, and Django with one or more tools. To measure another tool, add an entry."""

from __future__ import annotations

from dataclasses import dataclass

VANILLA = "vanilla"
CONTROL = "control"


@dataclass(frozen=True)
class Subject:
    """What a child process runs: Django with these tools, installed in this order.

    ``tools`` are "module:Class"; ``requires`` are the modules without which the subject is skipped. A subject that
    is ``slower`` than Django alone by that factor sends less often by it. ``group`` names the scenarios in which it is
    measured.
    """

    title: str
    tools: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    slower: int = 1
    group: str = "sends"


_MONITOR = "benchmarks.tools.monitor:"
_OTEL = "benchmarks.tools.otel:"
_METRICS = "benchmarks.tools.metrics:"
_FLOOR = "benchmarks.tools.floor:"
_SENTRY = "benchmarks.tools.sentry:"
_ALONE = {
    VANILLA: Subject("Django alone"),
    CONTROL: Subject("Django alone, again (control)"),
}

SENDING: dict[str, Subject] = {
    **_ALONE,
    "untraced": Subject("ours, untraced", (f"{_MONITOR}Monitor",)),
    "unsampled": Subject("ours, parent not sampled", (f"{_OTEL}Unsampled", f"{_MONITOR}Monitor")),
    "sampled": Subject("ours, sampled", (f"{_OTEL}Sampled", f"{_MONITOR}TracedMonitor")),
    "budgeted": Subject("ours, sampled, 100 spans a trace", (f"{_OTEL}Sampled", f"{_MONITOR}BudgetedMonitor")),
    "metered": Subject("ours, metrics", (f"{_METRICS}Metered", f"{_MONITOR}Monitor"), slower=4),
    "unplanned": Subject("ours, without plans", (f"{_MONITOR}UnplannedMonitor",)),
    "unplanned-sampled": Subject(
        "ours, without plans, sampled", (f"{_OTEL}Sampled", f"{_MONITOR}UnplannedTracedMonitor"), slower=4
    ),
    "otel": Subject("OpenTelemetry by hand, sampled", (f"{_OTEL}ByHand",), slower=10),
    "otel-unsampled": Subject("OpenTelemetry by hand, not sampled", (f"{_OTEL}UnsampledByHand",), slower=10),
    "sentry": Subject("Sentry, traced", (f"{_SENTRY}TracedSentry",), ("sentry_sdk",), slower=10),
    "sentry-off": Subject("Sentry, tracing not configured", (f"{_SENTRY}Sentry",), ("sentry_sdk",), slower=4),
    "beside-sentry": Subject(
        "ours beside Sentry, traced", (f"{_SENTRY}TracedSentry", f"{_MONITOR}Monitor"), ("sentry_sdk",), slower=10
    ),
    "beside-sentry-off": Subject(
        "ours beside Sentry, tracing not configured",
        (f"{_SENTRY}Sentry", f"{_MONITOR}Monitor"),
        ("sentry_sdk",),
        slower=4,
    ),
    "queries-off": Subject("ours, queries not counted", (f"{_MONITOR}UncountingMonitor",), group="queries"),
    "queries-on": Subject("ours, queries counted", (f"{_MONITOR}CountingMonitor",), group="queries"),
}

ANSWERING: dict[str, Subject] = {
    **_ALONE,
    "untraced": SENDING["untraced"],
    "clocks": Subject("Django alone, which times each receiver", (f"{_FLOOR}Clocks",)),
    "unattributed": Subject("ours, without middleware and worker", (f"{_FLOOR}Unattributed",)),
    "undelivered": Subject("ours, without worker", (f"{_FLOOR}Undelivered",)),
    "stored": Subject("ours, SQLite store", (f"{_MONITOR}StoringMonitor",)),
    "metered": Subject("ours, metrics", (f"{_METRICS}Metered", f"{_MONITOR}Monitor")),
    "database-work": Subject("ours, database work observed", (f"{_MONITOR}CountingMonitor",)),
    "otel-django": Subject("OpenTelemetry's Django instrumentation", (f"{_OTEL}Instrumented",)),
    "otel-django-sampled": Subject(
        "OpenTelemetry's and ours, sampled", (f"{_OTEL}Instrumented", f"{_MONITOR}TracedMonitor")
    ),
    "sentry": Subject("Sentry, traced", (f"{_SENTRY}RequestSentry",), ("sentry_sdk",)),
    "beside-sentry": Subject(
        "Sentry's and ours, traced", (f"{_SENTRY}RequestSentry", f"{_MONITOR}Monitor"), ("sentry_sdk",)
    ),
}

SCALING: dict[str, Subject] = {**_ALONE, "untraced": SENDING["untraced"]}
QUEUEING: dict[str, Subject] = {
    "share": Subject("the worker at half of a core, the default", (f"{_MONITOR}ShortMonitor",)),
    "core": Subject("`WORKER_CPU_PERCENT` 100", (f"{_MONITOR}ShortUnlimitedMonitor",)),
}
SHARING: dict[str, Subject] = {VANILLA: _ALONE[VANILLA], "stored": ANSWERING["stored"]}
