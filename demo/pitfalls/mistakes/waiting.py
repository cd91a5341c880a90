"""Mistakes that make people wait."""

from __future__ import annotations

import time

from django.dispatch import Signal

from demo.pitfalls.models import Course, Press
from demo.pitfalls.pitfall import RUNNING, Pitfall
from demo.pitfalls.signals import quote_answered, quote_awaited, quotes_compared, report_requested, roll_called
from demo.pitfalls.supplier import PATIENCE_SECONDS, supplier

ROUNDS = 10


def request_report() -> str:
    """Ask for a report, and wait for all receivers."""
    report_requested.send(sender=Press)
    return "The report is on its way. It only took so long because a receiver rendered it before this page could load."


def call_supplier() -> str:
    """Call a supplier who does not answer."""
    if not supplier.call():
        return "The call before this one still hangs. Look at it while it does, or let it go."
    return (
        f"A request is hanging now, for {PATIENCE_SECONDS:.0f} s or until you let it go. It has a thread of its own "
        "here, so that you got your page; on a real site you would be waiting all the time."
    )


def how_the_call_goes() -> str:
    """How long the call has been hanging, or how long it took."""
    if supplier.hanging:
        return f"It has been hanging for {supplier.hanging_seconds:.0f} s."
    if supplier.took_seconds is None:
        return ""
    return f"The call has ended, after {supplier.took_seconds:.0f} s. Its dispatch is in the live table."


def ask_for_quotes() -> str:
    """Send to a sync and to an async receiver, both of which return at once; several times, to measure."""
    sync_ms = min(_send_ms(quote_answered) for _ in range(ROUNDS))
    async_ms = min(_send_ms(quote_awaited) for _ in range(ROUNDS))
    return (
        f"The quickest of {ROUNDS} sends took {sync_ms:.3f} ms with a synchronous receiver and {async_ms:.3f} ms with "
        "an async one; both do nothing."
    )


def _send_ms(signal: Signal) -> float:
    started_ns = time.perf_counter_ns()
    signal.send(sender=Press)
    return (time.perf_counter_ns() - started_ns) / 1e6


def compare_quotes() -> str:
    """Send from the thread of the event loop; the view that calls this is async."""
    quotes_compared.send(sender=Press)
    return "While you waited, this server answered nobody: no page, no websocket, not even the dashboard's."


def call_roll() -> str:
    """List thirty members, in two ways."""
    course = Course.objects.with_members("Signals for beginners")
    roll_called.send(sender=Course, course=course)
    return f"Two receivers listed {course.members.count()} members. One of them asked the database again for every one."


PITFALLS = (
    Pitfall(
        slug="slow-receiver",
        title="A slow receiver",
        button="Ask for a report",
        story="Signals are synchronous: send() returns when the last receiver has. One of the two receivers takes "
        "350 ms, and the visitor waits for it.",
        look_for="render_report is the first of the receivers that people wait for, well over the limit, and takes "
        "nearly all of the request that you made; count_report, which runs after it, takes no time.",
        culprit="demo.pitfalls.receivers.render_report",
        shown_by={"min_ms": "100"},
        fall=request_report,
    ),
    Pitfall(
        slug="hangs",
        title="A receiver that hangs",
        button="Call a supplier",
        story="A receiver waits for an answer that does not come, and has no timeout. Nothing fails and nothing is "
        "logged; the request just never ends.",
        look_for="wait_for_supplier is under “Running now” while it hangs, with its stack: open it to see the line "
        "that it is at. Its dispatch is in the live table after it has ended.",
        culprit="demo.pitfalls.receivers.wait_for_supplier",
        card=RUNNING,
        fall=call_supplier,
        since=how_the_call_goes,
    ),
    Pitfall(
        slug="async-under-send",
        title="An async receiver under a plain send",
        button="Ask for two quotes",
        story="A plain send() runs async receivers too, by async_to_sync: it borrows or starts an event loop and waits "
        "for it. Async saves nothing here; it costs.",
        look_for="await_quote has the badge “async”, and its dispatch takes several times as long as the call of the "
        "receiver in it. The rest is async_to_sync.",
        culprit="demo.pitfalls.receivers.await_quote",
        fall=ask_for_quotes,
    ),
    Pitfall(
        slug="blocks-the-event-loop",
        title="A plain send that blocks the event loop",
        button="Compare quotes",
        story="This button's view is async and calls send() where it should await asend(). The receiver takes 250 ms "
        "on the thread of the event loop, and every visitor of this server waits.",
        look_for="Open the dispatch: a warning says that it held up a running event loop, and for how long.",
        culprit="demo.pitfalls.receivers.compare_quotes",
        shown_by={"min_ms": "100"},
        fall=compare_quotes,
    ),
    Pitfall(
        slug="one-query-per-row",
        title="One query per row",
        button="Call the roll",
        story="A receiver loops over thirty members and reads each one's course: one query for the members, and one "
        "more for every member. Another receiver does the same with select_related.",
        look_for="Open the dispatch: the waterfall counts 31 queries under list_members and 1 under "
        "list_members_joined.",
        culprit="demo.pitfalls.receivers.list_members",
        fall=call_roll,
    ),
)
