"""The first sentence of the overview: what a person should know before anything else.

Each verdict is a pure function of a Situation, and returns None if it does not apply. The first that applies is shown.
A verdict names a receiver only if that took at least NAMED_SHARE of the requests that it is blamed for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from signal_monitor.dashboard import formatting
from signal_monitor.dashboard.view_times import GUILTY_SHARE, ViewTimes
from signal_monitor.observers.totals import OTHER
from signal_monitor.records import ReceiverSum, Request
from signal_monitor.thresholds import CRITICAL_FACTOR

WAITING_SHARE = 0.2
ENOUGH_REQUESTS = 20
NAMED_VIEWS = 2


@dataclass(frozen=True)
class Link:
    """A part of a sentence that leads to a page: its name, the argument of its URL, and the text."""

    page: str
    argument: str
    text: str


Part = str | Link
Sentence = tuple[Part, ...]


@dataclass(frozen=True)
class Verdict:
    """A heading, and the sentence that explains it; ``shows_times`` says whether the bar of times belongs to it."""

    kind: str
    heading: str
    text: Sentence = ()
    shows_times: bool = False

    @property
    def plain_text(self) -> str:
        """The sentence without its links."""
        return "".join(part if isinstance(part, str) else part.text for part in self.text)

    @property
    def parts(self) -> list[tuple[str, Link | None]]:
        """The sentence as texts, each with its link if it has one."""
        return [(part, None) if isinstance(part, str) else (part.text, part) for part in self.text]


@dataclass(frozen=True)
class HangingCall:
    """A receiver call that has not ended; ``request`` waits for it, as "GET /path/"; None if no request does."""

    receiver: str
    running_ns: float
    request: str | None = None
    place: str | None = None


@dataclass(frozen=True)
class FailingReceiver:
    """A receiver and how many of its calls raised; ``swallowed`` of these errors were returned by robust sends."""

    receiver: str
    calls: int
    failures: int
    swallowed: int = 0


@dataclass(frozen=True)
class Situation:
    """What the verdicts judge. ``records`` were recorded in all, and ``dropped`` were lost."""

    views: Sequence[ViewTimes] = ()
    hanging: Sequence[HangingCall] = ()
    failing: Sequence[FailingReceiver] = ()
    records: int = 0
    dropped: int = 0
    slow_ns: float = 100e6
    period: str = "this period"

    @property
    def requests(self) -> int:
        """Number of requests."""
        return sum(view.count for view in self.views)

    @property
    def slow(self) -> int:
        """Number of slow requests."""
        return sum(view.slow for view in self.views)

    @property
    def total_ns(self) -> int:
        """The time of all requests."""
        return sum(view.total_ns for view in self.views)

    @property
    def receivers_share(self) -> float:
        """Time in receivers as a share of the time of all requests, from 0 to 1."""
        return self._share(sum(view.receivers_ns for view in self.views))

    @property
    def receivers_share_is_high(self) -> bool:
        """Whether receivers take a large part of the time of all requests."""
        return self.receivers_share >= GUILTY_SHARE / 2

    @property
    def waiting_share(self) -> float:
        """Time that dispatches waited as a share of the time of all requests, from 0 to 1."""
        return self._share(sum(view.waiting_ns for view in self.views))

    @property
    def rest_share(self) -> float:
        """The rest of the time of all requests, from 0 to 1."""
        return max(0.0, 1 - self.receivers_share - self.waiting_share) if self.total_ns else 0.0

    def _share(self, part_ns: int) -> float:
        return min(1.0, part_ns / self.total_ns) if self.total_ns else 0.0


def judge(situation: Situation) -> Verdict:
    """The first verdict that applies."""
    found = (verdict(situation) for verdict in VERDICTS)
    return next((verdict for verdict in found if verdict is not None), nothing_yet(situation))


def request_hangs(situation: Situation) -> Verdict | None:
    """A request waits for a receiver that has run for ten times the limit."""
    limit_ns = situation.slow_ns * CRITICAL_FACTOR
    calls = [call for call in situation.hanging if call.request and call.running_ns >= limit_ns]
    if not calls:
        return None
    longest = max(calls, key=lambda call: call.running_ns)
    took = formatting.span(longest.running_ns / 1e9)
    who = formatting.split_name(longest.receiver).last
    heading = (
        f"A request hangs: {who} has been running for {took}"
        if len(calls) == 1
        else f"{len(calls)} requests hang: {who} has been running for {took}"
    )
    link = Link("receiver", longest.receiver, who)
    at = f", at {longest.place}" if longest.place else ""
    return Verdict("hangs", heading, (f"{longest.request} waits for ", link, f"{at}. Give the call a timeout."))


def part_is_unknown(situation: Situation) -> Verdict | None:
    """Records were lost, so that the pages show a part only."""
    if not situation.dropped:
        return None
    lost, whole = formatting.count(situation.dropped), formatting.count(situation.records + situation.dropped)
    return Verdict(
        "partial",
        f"These pages show only a part: {lost} of {whole} {_plural(situation.records + situation.dropped, 'record')} "
        f"{'was' if situation.dropped == 1 else 'were'} lost",
        ("What follows is true of the rest. ", Link("health", "", "Why, and what to do")),
    )


def receivers_cost_time(situation: Situation) -> Verdict | None:
    """Receivers take at least half of the slow requests of a view."""
    guilty = sorted((view for view in situation.views if view.is_guilty), key=lambda view: -view.slow_receivers_ns)
    if not guilty:
        return None
    because, others = sum(view.slow for view in guilty), [v for v in situation.views if v.slow and not v.is_guilty]
    many = _how_many(because, situation.slow)
    share, text = situation.receivers_share, list[Part]()
    if situation.requests >= ENOUGH_REQUESTS and situation.receivers_share_is_high:
        heading = f"Receivers take {formatting.share(share)} of all request time"
        text.append(f"{many} because of them: ")
    else:
        heading = f"{many} because of receivers"
    for number, view in enumerate(guilty[:NAMED_VIEWS]):
        text += [*([", "] if number else []), *_named(view, begins=not text)]
    if len(guilty) > NAMED_VIEWS:
        text.append(f", and {len(guilty) - NAMED_VIEWS} more {_plural(len(guilty) - NAMED_VIEWS, 'view')}")
    text.append(".")
    if others:
        rest = sum(view.slow for view in others)
        text.append(f" The other {rest if rest > 1 else 'one'}, {_listed(others)}, {_is(rest)} slow without them.")
    return Verdict("receivers", heading, tuple(text), shows_times=True)


def receivers_fail(situation: Situation) -> Verdict | None:
    """Receivers raise."""
    failing = sorted(situation.failing, key=lambda row: -row.failures)
    if not failing:
        return None
    errors, swallowed = sum(row.failures for row in failing), sum(row.swallowed for row in failing)
    what = f"{formatting.count(errors)} {_plural(errors, 'error')} of receivers"
    happened = "was" if errors == 1 else "were"
    quick = "Pages are fast, but " if situation.requests >= ENOUGH_REQUESTS and not situation.slow else ""
    heading = f"{what} {happened} swallowed" if swallowed == errors else f"{what} {happened} raised"
    text = _worst_failing([row for row in failing if row.receiver != OTHER])
    return Verdict("failing", quick + heading, text, shows_times=bool(situation.total_ns))


def _worst_failing(failing: Sequence[FailingReceiver]) -> Sentence:
    """The receiver that failed most often; none if all are among those that are counted together."""
    if not failing:
        return ("There are too many receivers to tell which.",)
    worst = failing[0]
    link = Link("receiver", worst.receiver, formatting.split_name(worst.receiver).last)
    often = "in each of its" if worst.failures == worst.calls else f"in {formatting.count(worst.failures)} of its"
    calls = f"{formatting.count(worst.calls)} {_plural(worst.calls, 'call')}"
    told = f"{often} {calls}" if worst.calls > 1 else "in its only call"
    more = f", and {len(failing) - 1} more {_plural(len(failing) - 1, 'receiver')} failed" if len(failing) > 1 else ""
    return (link, f" failed {told}{more}.")


def requests_wait(situation: Situation) -> Verdict | None:
    """Requests wait for threads or the event loop, and receivers do not take the time."""
    share = situation.waiting_share
    if situation.requests < ENOUGH_REQUESTS or share < WAITING_SHARE:
        return None
    return Verdict(
        "waiting",
        f"Requests wait for a thread or the event loop, {formatting.share(share)} of their time",
        (f"Receivers took {formatting.share(situation.receivers_share)}. Add threads or processes.",),
        shows_times=True,
    )


def receivers_are_innocent(situation: Situation) -> Verdict | None:
    """There are enough requests, and receivers are not why any is slow."""
    if situation.requests < ENOUGH_REQUESTS:
        return None
    took = f"They took {formatting.share(situation.receivers_share)} of the time of "
    took += f"{formatting.count(situation.requests)} requests"
    slow = [view for view in situation.views if view.slow]
    if not slow:
        failed = any(view.failed for view in situation.views)
        heading = "No request was slow" if failed else "No request was slow or failed"
        return Verdict("innocent", heading, (f"Receivers{took[4:]}.",), shows_times=True)
    many = sum(view.slow for view in slow)
    text = f"{took}; {_listed(slow)} {'is' if len(slow) == 1 else 'are'} slow without them."
    heading = "Receivers are not why pages are slow" if many > 1 else "Receivers are not why a page was slow"
    return Verdict("innocent", heading, (text,), shows_times=True)


def too_little(situation: Situation) -> Verdict | None:
    """There are too few requests to judge."""
    number = situation.requests
    if not number:
        return None
    slow, failed = situation.slow, sum(view.failed for view in situation.views)
    heading = f"{number} {_plural(number, 'request')} in {situation.period} {_is(number)} too few to judge"
    told = f"{slow or 'None'} {'was' if slow <= 1 else 'were'} slow, {failed or 'none'} failed."
    return Verdict("too few", heading, (told,), shows_times=True)


def nothing_yet(situation: Situation) -> Verdict:
    """No request has come."""
    return Verdict(
        "nothing",
        f"No requests in {situation.period}",
        (
            "Open a page of your site, or choose a longer period. Still nothing? ",
            Link("health", "", "Health"),
            " shows which processes report. Those that were started before the monitor was installed do not.",
        ),
    )


def judge_request(request: Request, slow_ns: int | None) -> Verdict:
    """Why one request took its time: the receiver that took it, or that receivers did not."""
    took, so_far = formatting.duration(request.duration_ns), " so far" if request.running else ""
    worst = request.receivers[0] if request.receivers else None
    in_receivers = f"{formatting.duration(request.receivers_ns)} of {took}{so_far}"
    if request.receivers_share >= GUILTY_SHARE and worst is not None:
        return _guilty(request, worst, in_receivers)
    if request.share_of(request.waiting_ns) >= GUILTY_SHARE:
        waited = formatting.duration(request.waiting_ns)
        return Verdict("waiting", f"It waited for a thread or the event loop: {waited} of {took}{so_far}")
    share = formatting.share(request.receivers_share)
    if slow_ns is not None and request.duration_ns >= slow_ns:
        return Verdict("innocent", f"Receivers are not why it took {took}{so_far}: they took {share}")
    return Verdict("quick", f"It took {took}{so_far}, {share} of it in receivers")


def _guilty(request: Request, worst: ReceiverSum, in_receivers: str) -> Verdict:
    if worst.self_ns < GUILTY_SHARE * request.receivers_ns:
        many = len(request.receivers) + request.receivers_left_out
        return Verdict("receivers", f"{many} receivers took {in_receivers}", ("None of them took half of it.",))
    name = formatting.split_name(worst.receiver).last
    calls = f"{formatting.count(worst.calls)} {_plural(worst.calls, 'call')}"
    own = formatting.duration(worst.self_ns)
    text = (Link("receiver", worst.receiver, name), f" took {own} itself in {calls}.")
    return Verdict("receivers", f"Receivers took {in_receivers}, mostly {name}", text)


VERDICTS: tuple[Callable[[Situation], Verdict | None], ...] = (
    request_hangs,
    part_is_unknown,
    receivers_cost_time,
    receivers_fail,
    requests_wait,
    receivers_are_innocent,
    too_little,
)


def _how_many(because: int, slow: int) -> str:
    """How many of the slow requests are slow."""
    if because < slow:
        return f"{because} of {slow} slow requests {_is(because)} slow"
    return f"All {slow} slow requests are slow" if slow > 1 else "The slow request is slow"


def _named(view: ViewTimes, *, begins: bool) -> Sentence:
    """A receiver and its view, or the view alone, where many receivers share its time; ``begins`` a sentence."""
    receiver = view.named_receiver
    if receiver is None or view.worst_ns < GUILTY_SHARE * view.slow_receivers_ns:
        return (f"{'Receivers' if begins else 'receivers'} in {view.view}",)
    return (Link("receiver", receiver, formatting.split_name(receiver).last), f" in {view.view}")


def _listed(views: Sequence[ViewTimes]) -> str:
    shown = sorted(views, key=lambda view: -view.slow_ns)[:NAMED_VIEWS]
    more = len(views) - len(shown)
    names = ", ".join(view.view for view in shown)
    return f"{names} and {more} more" if more else names


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
