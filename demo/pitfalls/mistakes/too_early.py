"""Mistakes of doing something too early."""

from __future__ import annotations

import time
from decimal import Decimal

from django.db import transaction
from django.utils.timezone import localtime

from demo.pitfalls.models import Certificate, Enrolment, Lookup, Payment
from demo.pitfalls.pitfall import Pitfall
from demo.pitfalls.routers import ENROLMENTS

LONGEST_TRANSACTION_SECONDS = 8.0
POLL_SECONDS = 0.05


class CardRefusedError(Exception):
    """The bank has refused the payment."""


def issue_certificate() -> str:
    """Save a certificate that sends its signal before it is saved."""
    try:
        Certificate(serial="2026-001").save()
    except Certificate.DoesNotExist as error:
        return f"The certificate was not issued: {error}"
    return "The certificate is issued."


def enrol_member() -> str:
    """Save a row whose receiver queues a task, and do something else before the commit."""
    with transaction.atomic(using=ENROLMENTS):
        member = Enrolment.objects.create(name="Newcomer")
        _wait_for_worker(member)
    return f"Member {member.pk} is enrolled, and the task that welcomes them was queued before the commit."


def _wait_for_worker(member: Enrolment) -> None:
    """Keep the transaction open until the worker has looked for the member, after the tasks that were queued before."""
    deadline = time.monotonic() + LONGEST_TRANSACTION_SECONDS
    while time.monotonic() < deadline and not Lookup.objects.filter(member_id=member.pk).exists():
        time.sleep(POLL_SECONDS)


def last_lookup() -> str:
    """What the worker found when it last ran the task."""
    lookup = Lookup.objects.first()
    if lookup is None:
        return ""
    found = "found it" if lookup.found else "did not find it"
    return f"The worker looked for member {lookup.member_id} at {localtime(lookup.at):%H:%M:%S} and {found}."


def pay() -> str:
    """Save a payment, then roll it back."""
    try:
        with transaction.atomic():
            payment = Payment.objects.create(payer="Ada", amount=Decimal("12.50"))
            _charge_card(payment)
    except CardRefusedError as error:
        left = Payment.objects.filter(pk=payment.pk).count()
        return f"{error} {left} rows are left of the payment; its receipt has been mailed."
    return "The payment is made."


def _charge_card(payment: Payment) -> None:
    raise CardRefusedError(f"The card was refused for {payment.amount}.")


PITFALLS = (
    Pitfall(
        slug="before-super-save",
        title="Sent before super().save()",
        button="Issue a certificate",
        story="Certificate.save() sends certificate_issued and only then calls super().save(). The receiver looks for "
        "the row, and there is none; its exception keeps the row from ever being written.",
        look_for="file_certificate has the outcome “raised” with DoesNotExist; the call site is Certificate.save.",
        culprit="demo.pitfalls.receivers.file_certificate",
        shown_by={"outcome": "raised"},
        fall=issue_certificate,
    ),
    Pitfall(
        slug="queued-before-the-commit",
        title="A task queued before the commit",
        button="Enrol a member",
        story="queue_welcome hands the new row's key to a task at once. The transaction is still open when the "
        "worker runs the task, and looks for a row that only this request can see. on_commit() would have waited.",
        look_for="Open the dispatch: under Transaction it says “open: receivers ran before the commit”.",
        culprit="demo.pitfalls.receivers.queue_welcome",
        fall=enrol_member,
        since=last_lookup,
    ),
    Pitfall(
        slug="mailed-and-rolled-back",
        title="Mail for a transaction that rolls back",
        button="Pay 12.50",
        story="mail_receipt thanks for a payment as soon as its row is written. Then the card is refused and the "
        "transaction rolls back: the row is gone, the mail is not.",
        look_for="Open the dispatch: its receiver is “ok”, and under Transaction it says “open: receivers ran before "
        "the commit”.",
        culprit="demo.pitfalls.receivers.mail_receipt",
        fall=pay,
    ),
)
