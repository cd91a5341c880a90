"""Receivers that are slow, fail or make a mistake, and harmless ones next to them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from django.core.mail import send_mail
from django.db.models import Model
from django.db.models.signals import post_save
from django.dispatch import receiver

from demo.pitfalls.models import Certificate, Course, CourseUser, Draft, Enrolment, Payment, Press
from demo.pitfalls.signals import (
    certificate_issued,
    cleanup_finished,
    course_archived,
    course_opened,
    course_saved,
    import_finished,
    quote_answered,
    quote_awaited,
    quotes_compared,
    report_requested,
    roll_called,
    supplier_called,
    visit_started,
)
from demo.pitfalls.supplier import supplier
from demo.pitfalls.tasks import welcome_member

logger = logging.getLogger(__name__)

RENDERING_SECONDS = 0.35
COMPARING_SECONDS = 0.25
LAST_VERSION = 5


class TotalsError(ValueError):
    """An import has missing rows."""


@receiver(report_requested)
def render_report(sender: type[Press], **_kwargs: object) -> str:
    """Render a report while the visitor waits: sleep, as if waiting for a slow service."""
    time.sleep(RENDERING_SECONDS)
    return "report.pdf"


@receiver(report_requested)
def count_report(sender: type[Press], **_kwargs: object) -> None:
    """Log that a report was asked for; fast, but late, because it comes second."""
    logger.info("A report was asked for")


@receiver(supplier_called)
def wait_for_supplier(sender: type[Press], **_kwargs: object) -> None:
    """Wait for an answer without a timeout: hangs until the call is ended."""
    supplier.wait_for_answer()


@receiver(quote_answered)
def answer_quote(sender: type[Press], **_kwargs: object) -> str:
    """Answer at once."""
    return "12.50"


@receiver(quote_awaited)
async def await_quote(sender: type[Press], **_kwargs: object) -> str:
    """Answer at once, but as a coroutine: a plain send needs an event loop to run it."""
    return "12.50"


@receiver(quotes_compared)
def compare_quotes(sender: type[Press], **_kwargs: object) -> None:
    """Compare quotes for a quarter of a second; on the thread of an event loop, all requests wait."""
    time.sleep(COMPARING_SECONDS)


@receiver(roll_called)
def list_members(sender: type[Course], course: Course, **_kwargs: object) -> list[str]:
    """List members and their course: one query for all members, and one more for each."""
    return [f"{member.name}, {member.course.title}" for member in CourseUser.objects.filter(course=course)]


@receiver(roll_called)
def list_members_joined(sender: type[Course], course: Course, **_kwargs: object) -> list[str]:
    """List the same with select_related, in one query."""
    members = CourseUser.objects.filter(course=course).select_related("course")
    return [f"{member.name}, {member.course.title}" for member in members]


@receiver(import_finished)
def check_totals(sender: type[Press], expected: int, found: int, **_kwargs: object) -> None:
    """Check the totals of an import; raises an exception if they differ."""
    if expected != found:
        raise TotalsError(f"{expected} rows in the file, {found} in the table")


@receiver(import_finished)
def announce_import(sender: type[Press], **_kwargs: object) -> None:
    """Announce an import; does not run if the receiver before it raises."""
    logger.info("An import has finished")


@receiver(cleanup_finished)
def archive_leftovers(sender: type[Press], leftovers: dict[str, str], **_kwargs: object) -> str:
    """Move leftovers to the archive; raises KeyError without the argument that names it."""
    return leftovers["archive"]


@receiver(cleanup_finished)
def log_cleanup(sender: type[Press], **_kwargs: object) -> None:
    """Log the cleanup; runs although the receiver before it failed."""
    logger.info("The cleanup has finished")


@receiver(course_opened)
def greet_course(sender: type[Course], instance: Course, created: bool, **_kwargs: object) -> None:  # noqa: FBT001
    """Greet a new course; requires ``created``, which post_save has and this signal has not."""
    if created:
        logger.info("Welcome to %s", instance)


@receiver(visit_started)
def log_visitor(sender: type, **kwargs: Mapping[str, str]) -> None:
    """Log the visitor's address; requires ``environ``, which exists only under WSGI."""
    logger.info("A visitor from %s", kwargs["environ"]["REMOTE_ADDR"])


@receiver(course_saved, sender=Course)
def follow_course(sender: type[Course], **_kwargs: object) -> None:
    """Log a saved course; connected to Course, while the sender is CourseUser."""
    logger.info("A course was saved")


@receiver(course_archived, sender=Course)
def note_archive(sender: type[Course], **_kwargs: object) -> None:
    """Log an archived course; connected to the class, while the sender is an instance."""
    logger.info("A course was archived")


@receiver(post_save, sender=Draft)
def number_draft(sender: type[Draft], instance: Draft, **_kwargs: object) -> None:
    """Number a saved draft, and save it, which sends post_save again."""
    # Without this condition, it would continue until RecursionError.
    if instance.version < LAST_VERSION:
        instance.version += 1
        instance.save()


def audit_delete(sender: type[Model], instance: Model, **_kwargs: object) -> None:
    """Log every row of every model that is deleted; connected only during the demonstration."""
    logger.debug("Deleted: %s %s", sender.__name__, instance.pk)


@receiver(certificate_issued)
def file_certificate(sender: type[Certificate], instance: Certificate, **_kwargs: object) -> None:
    """Read the certificate from the database; raises DoesNotExist, because it is not saved yet."""
    logger.info("Filed: %s", Certificate.objects.get(serial=instance.serial))


@receiver(post_save, sender=Enrolment)
def queue_welcome(sender: type[Enrolment], instance: Enrolment, created: bool, **_kwargs: object) -> None:  # noqa: FBT001
    """Queue the welcome of a new member immediately instead of with transaction.on_commit."""
    if created:
        welcome_member.delay(instance.pk)


@receiver(post_save, sender=Payment)
def mail_receipt(sender: type[Payment], instance: Payment, **_kwargs: object) -> None:
    """Mail a receipt immediately instead of with transaction.on_commit."""
    send_mail("Your receipt", f"We have received {instance.amount}. Thank you!", None, ["ada@example.org"])
