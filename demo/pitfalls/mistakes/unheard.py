"""Mistakes by which a signal has no receiver."""

from __future__ import annotations

from typing import Any

from demo.pitfalls.models import Course, CourseUser, Press
from demo.pitfalls.pitfall import ORPHANS, Pitfall
from demo.pitfalls.signals import course_archived, course_saved, lesson_ending, lesson_starting, voucher_redeemed


class Bell:
    """An object with a method that is connected."""

    def ring(self, sender: type[Press], **_kwargs: object) -> str:
        """Ring."""
        return "ding"


def give_lesson() -> str:
    """Connect a local function and a method of a local object, and send after both were deleted."""
    _connect_locally()
    by_function, by_method = lesson_starting.send(sender=Press), lesson_ending.send(sender=Press)
    answers = [*by_function, *by_method]
    by_accident = " DEBUG is on: the local function is still there, by accident." if by_function else ""
    return f"Two receivers were connected, and {len(answers)} answered.{by_accident}"


def _connect_locally() -> None:
    def remind(sender: type[Press], **_kwargs: object) -> str:
        return "reminded"

    # With a dispatch_uid, so that each click does not add another one if it survives.
    lesson_starting.connect(remind, dispatch_uid="demo.pitfalls.remind")
    lesson_ending.connect(Bell().ring)


def redeem_voucher() -> str:
    """Send a signal whose only receiver is in a module that was never imported."""
    return f"The voucher is redeemed. {_answered_by(voucher_redeemed.send(sender=Press))}"


def save_course() -> str:
    """Send with another class than the one that the receiver is connected to."""
    return f"The course is saved. {_answered_by(course_saved.send(sender=CourseUser))}"


def archive_course() -> str:
    """Send with an instance, while the receiver is connected to its class."""
    course = Course.objects.named("Signals for beginners")
    return f"The course is archived. {_answered_by(course_archived.send(sender=course))}"


def _answered_by(responses: list[tuple[Any, Any]]) -> str:
    return f"{len(responses)} receivers answered, and no error says so."


PITFALLS = (
    Pitfall(
        slug="lost-local-function",
        title="A local function, lost to weak references",
        button="Give a lesson",
        story="connect() holds receivers weakly. A function that was made inside another one is gone when that one "
        "returns, and so is an object with the method that was connected. weak=False would have kept them.",
        look_for="lesson_ending counts one more orphan: a dispatch that found no receiver. So does lesson_starting "
        "where DEBUG is off. Where it is on, Django checks the signature of each function that it connects, and a "
        "cache of these keeps the function: you lose it when the site goes live.",
        card=ORPHANS,
        fall=give_lesson,
    ),
    Pitfall(
        slug="never-imported",
        title="A receivers.py that nobody imports",
        button="Redeem a voucher",
        story="The decorator connects when its module is imported. No AppConfig.ready() imports "
        "forgotten/receivers.py, so book_voucher is never connected.",
        look_for="voucher_redeemed counts one more orphan, and book_voucher has no page: it has never run.",
        card=ORPHANS,
        fall=redeem_voucher,
    ),
    Pitfall(
        slug="wrong-sender",
        title="Connected for one class, sent by another",
        button="Save a course",
        story="follow_course is connected with sender=Course. The code that saves the course sends with "
        "sender=CourseUser, which is not the same object, and that is all that counts.",
        look_for="course_saved counts one more orphan, although a receiver is connected.",
        card=ORPHANS,
        fall=save_course,
    ),
    Pitfall(
        slug="sender-is-an-instance",
        title="A sender that is an instance",
        button="Archive a course",
        story="send(sender=self) instead of send(sender=self.__class__): note_archive listens to the class, and an "
        "instance of it is another sender.",
        look_for="course_archived counts one more orphan, although a receiver is connected.",
        card=ORPHANS,
        fall=archive_course,
    ),
)
