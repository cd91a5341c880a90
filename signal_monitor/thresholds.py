"""The duration from which a dispatch or a receiver call is slow or critical."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .names.patterns import matches
from .records import Severity

CRITICAL_FACTOR = 10
"""A duration of at least this many times the limit is critical."""
DEFAULT_SLOW_MS = 100.0


@dataclass(frozen=True, slots=True)
class SlowLimits:
    """Limits in nanoseconds by pattern of the dotted name of a signal or receiver; ``slow_ns`` if none matches."""

    slow_ns: int = round(DEFAULT_SLOW_MS * 1e6)
    by_pattern: Mapping[str, int] = field(default_factory=dict)

    def limit_ns(self, name: str) -> int:
        """The limit of a signal or receiver; the first pattern that matches decides."""
        for pattern, limit_ns in self.by_pattern.items():
            if matches(name, pattern):
                return limit_ns
        return self.slow_ns


def slow_limits(slow_ms: float | Mapping[str, float]) -> SlowLimits:
    """The limits that the ``SLOW_MS`` setting gives."""
    if not isinstance(slow_ms, Mapping):
        return SlowLimits(round(slow_ms * 1e6))
    limits_ns = {pattern: round(ms * 1e6) for pattern, ms in slow_ms.items()}
    if limits_ns and next(reversed(limits_ns)) == "*":
        return SlowLimits(limits_ns.pop("*"), limits_ns)
    return SlowLimits(by_pattern=limits_ns)


def severity(duration_ns: float, limit_ns: int) -> Severity:
    """Whether a duration is normal, slow or critical."""
    if duration_ns < limit_ns:
        return "normal"
    return "critical" if duration_ns >= CRITICAL_FACTOR * limit_ns else "slow"
