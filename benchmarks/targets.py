"""The targets for costs, and whether a measurement reaches them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .rounds import Samples
from .scenarios import (
    ASYNC_RECEIVERS,
    ONE_RECEIVER,
    OTHER_SENDERS,
    SEVERAL_RECEIVERS,
    WITH_RECEIVERS,
    WITHOUT_RECEIVERS,
)
from .subjects import VANILLA

OPTIMIZED_ALLOWANCE = 1.1
"""Where Python is built with profile-guided optimization, Django's loop gains more by it than ours."""

Measure = Callable[[Samples, str], float | None]
"""From the samples and a scenario to a number; None where it was not measured."""


@dataclass(frozen=True)
class Target:
    """A limit for the worst of some scenarios.

    ``is_least``: it is a lower limit. ``unit`` is printed after numbers. A limit of a ratio to Django alone is
    ``eased`` by OPTIMIZED_ALLOWANCE on an optimized Python.
    """

    title: str
    limit: float
    scenarios: Sequence[str]
    measure: Measure
    unit: str = ""
    is_least: bool = False
    eased: bool = False


@dataclass(frozen=True)
class Verdict:
    """A target and the measured value, None if it was not measured; ``scenario`` is the worst one."""

    title: str
    limit: float
    unit: str
    is_least: bool
    measured: float | None = None
    scenario: str = ""

    @property
    def missed_by(self) -> float:
        """The distance to the limit, in its unit; 0 if the target is reached."""
        if self.measured is None:
            return 0.0
        return max(0.0, self.limit - self.measured if self.is_least else self.measured - self.limit)


def judge(targets: Iterable[Target], samples: Samples, *, optimized: bool) -> list[Verdict]:
    """Compare every target with its worst scenario."""
    return [_judge(target, samples, optimized=optimized) for target in targets]


def _judge(target: Target, samples: Samples, *, optimized: bool) -> Verdict:
    limit = target.limit * OPTIMIZED_ALLOWANCE if target.eased and optimized else target.limit
    measured = [(value, name) for name in target.scenarios if (value := target.measure(samples, name)) is not None]
    if not measured:
        return Verdict(target.title, limit, target.unit, target.is_least)
    value, name = min(measured) if target.is_least else max(measured)
    return Verdict(target.title, limit, target.unit, target.is_least, value, name)


def ratio(subject: str, clock: str, base: str = VANILLA) -> Measure:
    """The ratio to another subject."""

    def measure(samples: Samples, scenario: str) -> float | None:
        spread = samples.ratio(scenario, subject, clock, base)
        return spread.median if spread else None

    return measure


def times_less_added(subject: str, other: str, clock: str) -> Measure:
    """The ratio of what two subjects add to Django alone; infinite if the first adds nothing.

    Of the medians, because the ratio in a single round would be noise if little is added.
    """
    of_ours, of_others = ratio(subject, clock), ratio(other, clock)

    def measure(samples: Samples, scenario: str) -> float | None:
        ours, others = of_ours(samples, scenario), of_others(samples, scenario)
        if ours is None or others is None:
            return None
        return (others - 1) / (ours - 1) if ours > 1 else math.inf

    return measure


def added_share(subject: str, base: str, clock: str) -> Measure:
    """What a subject adds to another, relative to Django alone."""
    of_subject, of_base = ratio(subject, clock), ratio(base, clock)

    def measure(samples: Samples, scenario: str) -> float | None:
        with_it, without = of_subject(samples, scenario), of_base(samples, scenario)
        return None if with_it is None or without is None else with_it - without

    return measure


def figure(subject: str, clock: str) -> Measure:
    """The value itself."""

    def measure(samples: Samples, scenario: str) -> float | None:
        spread = samples.spread(scenario, subject, clock)
        return spread.median if spread else None

    return measure


def _no_slower(title: str, limit: float, scenarios: Sequence[str], subject: str, clock: str = "hot") -> Target:
    return Target(title, limit, scenarios, ratio(subject, clock), eased=True)


def _less_added(title: str, limit: float, scenarios: Sequence[str], pair: tuple[str, str], clock: str) -> Target:
    return Target(title, limit, scenarios, times_less_added(*pair, clock), unit=" times", is_least=True)


_SENTRY, _OTEL = ("sampled", "sentry"), ("sampled", "otel")
SENDING = (
    _no_slower("no receivers, hot", 0.95, WITHOUT_RECEIVERS, "untraced"),
    _no_slower("untraced, hot", 1.05, WITH_RECEIVERS, "untraced"),
    _no_slower("untraced, all-in", 1.5, WITH_RECEIVERS, "untraced", "all-in"),
    _no_slower("parent not sampled, 1 receiver, hot", 1.35, ONE_RECEIVER, "unsampled"),
    _no_slower("parent not sampled, 3 and 10 receivers, hot", 1.15, SEVERAL_RECEIVERS, "unsampled"),
    _no_slower("sampled, 1 receiver, hot", 1.95, ONE_RECEIVER, "sampled"),
    _no_slower("sampled, 3 and 10 receivers, hot", 1.7, SEVERAL_RECEIVERS, "sampled"),
    _less_added("sampled, 1 receiver, hot: adds less than Sentry", 10, ONE_RECEIVER, _SENTRY, "hot"),
    _less_added("sampled, 3 and 10 receivers, hot: adds less than Sentry", 20, SEVERAL_RECEIVERS, _SENTRY, "hot"),
    _less_added("sampled, 1 receiver, hot: adds less than OpenTelemetry by hand", 28, ONE_RECEIVER, _OTEL, "hot"),
    _less_added(
        "sampled, 3 and 10 receivers, hot: adds less than OpenTelemetry by hand", 40, SEVERAL_RECEIVERS, _OTEL, "hot"
    ),
    _less_added("sampled, all-in: adds less than OpenTelemetry by hand", 5, WITH_RECEIVERS, _OTEL, "all-in"),
    _less_added("sampled, all-in: adds less than Sentry", 6.5, WITH_RECEIVERS, _SENTRY, "all-in"),
    _no_slower("`send_robust`, untraced, hot", 1.10, ("robust",), "untraced"),
    _no_slower("nested, untraced, hot", 1.10, ("nested",), "untraced"),
    _no_slower("nested, untraced, all-in", 2.5, ("nested",), "untraced", "all-in"),
    _no_slower("failing, untraced, hot", 1.8, ("failing", "failing-robust"), "untraced"),
    _no_slower("failing, untraced, all-in", 6, ("failing", "failing-robust"), "untraced", "all-in"),
    _no_slower("other senders, untraced, hot", 1.5, OTHER_SENDERS, "untraced"),
    _no_slower("other senders, untraced, all-in", 2.5, OTHER_SENDERS, "untraced", "all-in"),
    _no_slower("metrics, hot", 1.05, WITH_RECEIVERS, "metered"),
    _no_slower("metrics, all-in", 2.2, WITH_RECEIVERS, "metered", "all-in"),
    _no_slower("a receiver connected for each send, hot", 2.05, ("connecting",), "untraced"),
    _no_slower("`asend` with async receivers, untraced, hot", 1.4, ASYNC_RECEIVERS, "untraced"),
    _no_slower("`asend` with async receivers, sampled, right parents, hot", 2.0, ASYNC_RECEIVERS, "sampled"),
    Target("beside Sentry, traced, hot, of Sentry alone", 1.1, WITH_RECEIVERS, ratio("beside-sentry", "hot", "sentry")),
    Target(
        "beside Sentry, tracing not configured, hot, of Sentry alone",
        1.1,
        WITH_RECEIVERS,
        ratio("beside-sentry-off", "hot", "sentry-off"),
    ),
    Target("memory of a queued dispatch, untraced", 256, ("memory",), figure("untraced", "bytes"), unit=" B"),
    Target("memory of a queued dispatch, sampled", 750, ("memory",), figure("sampled", "bytes"), unit=" B"),
    Target(
        "queries counted, of the same not counted",
        1.01,
        ("query-get", "query-create"),
        ratio("queries-on", "hot", "queries-off"),
    ),
)

PLACES = ("in process", "under gunicorn")
ANSWERING = (
    Target("request, untraced, CPU", 1.05, PLACES, ratio("untraced", "cpu"), eased=True),
    Target(
        "request, sampled: CPU added to OpenTelemetry's Django instrumentation alone",
        0.20,
        PLACES,
        added_share("otel-django-sampled", "otel-django", "cpu"),
        eased=True,
    ),
    Target("request, untraced, p99 of the time", 1.10, PLACES, ratio("untraced", "p99")),
    Target(
        "request, sampled, p99 of the time, of OpenTelemetry's Django instrumentation alone",
        1.15,
        PLACES,
        ratio("otel-django-sampled", "p99", "otel-django"),
    ),
)
