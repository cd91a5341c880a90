"""The scenarios: what is sent in a measurement."""

from __future__ import annotations

from dataclasses import dataclass

FEWEST_SENDS = 50


@dataclass(frozen=True)
class Scenario:
    """One way to send.

    ``elsewhere`` connects the receivers for another sender, so that a dispatch finds none. ``failing`` is the position
    of the receiver that raises. ``depth`` is how many dispatches are nested. ``query`` is the query of
    each receiver. One that ``connects`` makes a receiver for each send, connects it before and disconnects it after.
    ``senders`` are one "class", many "classes", "instances" or "strings". A send takes about ``slower``
    times that of a plain one.
    """

    name: str
    title: str
    method: str = "send"
    receivers: int = 0
    async_receivers: int = 0
    caching: bool = True
    elsewhere: bool = False
    failing: int | None = None
    depth: int = 1
    query: str = ""
    senders: str = "class"
    connects: bool = False
    slower: int = 1
    group: str = "sends"

    @property
    def is_async(self) -> bool:
        """Whether the send method is async."""
        return self.method.startswith("a")

    @property
    def is_raising(self) -> bool:
        """Whether the sender gets an exception."""
        return self.failing is not None and not self.method.endswith("robust")

    @property
    def sync_calls(self) -> int:
        """The number of synchronous receivers that a send runs."""
        if self.elsewhere:
            return 0
        if self.failing is not None and self.is_raising:
            return self.failing + 1
        return self.receivers * self.depth

    @property
    def calls(self) -> int:
        """The number of receivers that a send runs."""
        return self.sync_calls + self.async_receivers

    def sends(self, wanted: int, slower: int) -> int:
        """The number of sends for a subject that is slower by this factor."""
        return max(wanted // (self.slower * slower), min(wanted, FEWEST_SENDS))


def _counted(receivers: int) -> str:
    return "1 receiver" if receivers == 1 else f"{receivers} receivers"


COUNTS = (0, 1, 3, 10)
_ASYNC = 20  # an asend takes as long as this many plain sends
_ALL = (
    *(Scenario(f"caching-{count}", _counted(count), receivers=count) for count in COUNTS),
    Scenario("caching-elsewhere", "none of this sender", receivers=1, elsewhere=True),
    *(Scenario(f"plain-{count}", _counted(count), receivers=count, caching=False) for count in COUNTS),
    Scenario("plain-elsewhere", "none of this sender", receivers=1, elsewhere=True, caching=False),
    Scenario("robust", "`send_robust`, 3", method="send_robust", receivers=3),
    Scenario("nested", "3 deep, 1 each", receivers=1, depth=3),
    Scenario("instances", "3, instances as senders", receivers=3, senders="instances"),
    Scenario("classes", "3, 200 classes as senders", receivers=3, senders="classes"),
    Scenario("strings", "3, strings as senders", receivers=3, caching=False, senders="strings"),
    Scenario("connecting", "1, connected for each send", receivers=1, connects=True, slower=5),
    Scenario("failing", "`send`, 2nd of 3 raises", receivers=3, failing=1),
    Scenario("failing-robust", "`send_robust`, 2nd of 3 raises", method="send_robust", receivers=3, failing=1),
    Scenario("asend-sync", "`asend`, 3 sync", method="asend", receivers=3, slower=_ASYNC),
    Scenario("asend-async-1", "`asend`, 1 async", method="asend", async_receivers=1, slower=_ASYNC),
    Scenario("asend-async", "`asend`, 3 async", method="asend", async_receivers=3, slower=_ASYNC),
    Scenario("asend-async-10", "`asend`, 10 async", method="asend", async_receivers=10, slower=_ASYNC),
    Scenario("asend-mixed", "`asend`, 2 sync, 2 async", method="asend", receivers=2, async_receivers=2, slower=_ASYNC),
    Scenario("query-get", "a receiver gets a row", receivers=1, query="get", slower=5, group="queries"),
    Scenario("query-create", "a receiver creates a row", receivers=1, query="create", slower=5, group="queries"),
)
SCENARIOS = {scenario.name: scenario for scenario in _ALL}
WITH_RECEIVERS = tuple(f"{kind}-{count}" for kind in ("caching", "plain") for count in COUNTS if count)
WITHOUT_RECEIVERS = ("caching-0", "caching-elsewhere", "plain-0", "plain-elsewhere")
ONE_RECEIVER = ("caching-1", "plain-1")
SEVERAL_RECEIVERS = tuple(name for name in WITH_RECEIVERS if name not in ONE_RECEIVER)
OTHER_SENDERS = ("instances", "classes", "strings")
ASYNC_RECEIVERS = ("asend-async-1", "asend-async", "asend-async-10")
