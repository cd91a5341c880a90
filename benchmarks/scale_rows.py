"""The rows of ``benchmarks.scale``: what there is much of, and how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BATCHES = 10
"""A batch every BATCH_SECONDS."""
BATCH_SECONDS = 0.1
LARGE = 10_000


@dataclass(frozen=True)
class Group:
    """Rows that differ in one number, with a title for it."""

    title: str
    unit: str
    counts: tuple[int, ...]


GROUPS: Mapping[str, Group] = {
    "receivers": Group("Receivers of a signal", "receivers", (1, 10, 100)),
    "classes": Group("Classes as senders, in turn", "classes", (1, 100, 10_000)),
    "instances": Group("Instances as senders, in turn", "instances", (1, 100, 10_000, 100_000)),
    "strings": Group("Strings as senders, in turn", "strings", (1, 100, 10_000, 100_000)),
    "signals": Group("Signals, in turn", "signals", (1, 100, 10_000)),
    "threads": Group("Threads that send at once", "threads", (1, 4, 16, 64)),
    "batches": Group("Classes as senders at once, in a batch every 100 ms", "classes", (1, 10, 100)),
}
SENDERS = ("classes", "instances", "strings")


@dataclass(frozen=True)
class Row:
    """A number of what a group has many of."""

    group: str
    count: int

    @property
    def name(self) -> str:
        """The name, as for ``--scenarios``."""
        return f"{self.group}-{self.count}"

    @property
    def title(self) -> str:
        """The number with its unit."""
        unit = GROUPS[self.group].unit
        return f"{self.count:,} {unit if self.count != 1 else unit.removesuffix('es' if unit == 'classes' else 's')}"

    @property
    def calls(self) -> int:
        """The receivers that a send runs."""
        return self.count if self.group == "receivers" else 1

    @property
    def is_large(self) -> bool:
        """Whether a batch takes long."""
        return self.count >= LARGE

    def sends(self, wanted: int) -> int:
        """How many sends a batch has: at least one for each sender and signal."""
        return self.least(max(wanted, self.count) if self.group in (*SENDERS, "signals") else wanted)

    def least(self, wanted: int) -> int:
        """As many sends as are wanted, in full shares; fewer where a send takes longer."""
        if self.group == "receivers":
            return max(1, wanted // max(1, self.count // 4))
        share = self.count if self.group == "threads" else BATCHES if self.group == "batches" else 1
        return max(1, wanted // share) * share


ROWS = {row.name: row for kind, group in GROUPS.items() for row in (Row(kind, count) for count in group.counts)}
