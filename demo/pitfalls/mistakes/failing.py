"""Mistakes that raise."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler

from demo.pitfalls.models import Course, Press
from demo.pitfalls.pitfall import Pitfall
from demo.pitfalls.receivers import TotalsError
from demo.pitfalls.signals import cleanup_finished, course_opened, import_finished, visit_started


def finish_import() -> str:
    """Finish an import with missing rows."""
    try:
        import_finished.send(sender=Press, expected=1_200, found=1_187)
    except TotalsError as error:
        return f"The import failed: {error}. Nothing tells the visitor that a receiver raised this, or who was not run."
    return "The import has finished."


def finish_cleanup() -> str:
    """Finish a cleanup, and ignore the responses of the receivers, as most code does."""
    cleanup_finished.send_robust(sender=Press, leftovers={})
    return "The cleanup has finished. All seems well: the exception is in the responses, and nobody reads them."


def open_course() -> str:
    """Send without an argument that a receiver requires."""
    try:
        course_opened.send(sender=Course, instance=Course(title="Signals for experts"))
    except TypeError as error:
        return f"The course was not opened: {error}."
    return "The course is open."


def start_visits() -> str:
    """Send request_started as Django's WSGI and ASGI handlers do."""
    visit_started.send(sender=WSGIHandler, environ={"REMOTE_ADDR": "192.0.2.1"})
    try:
        async_to_sync(visit_started.asend)(sender=ASGIHandler, scope={"client": ["192.0.2.1", 40_000]})
    except KeyError as error:
        return (
            f"Under WSGI all went well; under ASGI it was KeyError: {error}. On Django's own request_started, that "
            "would have been every page of the site."
        )
    return "Both visits have started."


PITFALLS = (
    Pitfall(
        slug="raises-under-send",
        title="A receiver that raises under send",
        button="Finish an import",
        story="The first exception ends a plain send(): it lands in the code that sent the signal, and the receivers "
        "that come next are not run at all.",
        look_for="check_totals has the outcome “raised” with its traceback; in the same dispatch, announce_import is "
        "“not run”.",
        culprit="demo.pitfalls.receivers.check_totals",
        shown_by={"outcome": "raised"},
        fall=finish_import,
    ),
    Pitfall(
        slug="swallowed-under-send-robust",
        title="A receiver that raises under send_robust",
        button="Finish a cleanup",
        story="send_robust() catches every exception and returns it among the responses. Code that ignores the "
        "responses does not notice it.",
        look_for="archive_leftovers is on the page of errors with its KeyError, as “swallowed”; log_cleanup ran "
        "nevertheless.",
        culprit="demo.pitfalls.receivers.archive_leftovers",
        shown_by={"outcome": "swallowed"},
        fall=finish_cleanup,
    ),
    Pitfall(
        slug="demands-created",
        title="A receiver that demands what is not sent",
        button="Open a course",
        story="The receiver was written like one of post_save and takes “created”. The signal is one of the app's own, "
        "and its sender passes only the instance.",
        look_for="greet_course has the outcome “raised” with a TypeError that names the missing argument. Its "
        "traceback has no line of the receiver: it was never entered.",
        culprit="demo.pitfalls.receivers.greet_course",
        shown_by={"outcome": "raised"},
        fall=open_course,
    ),
    Pitfall(
        slug="needs-environ",
        title="A receiver that needs environ under ASGI",
        button="Start two visits",
        story="request_started comes with “environ” under WSGI and with “scope” under ASGI. A receiver that requires "
        "environ fails in every request after the site moves to ASGI. This demo uses a signal of its own.",
        look_for="log_visitor is “ok” in the send of WSGIHandler and “raised” in the asend of ASGIHandler, with "
        "KeyError: environ.",
        culprit="demo.pitfalls.receivers.log_visitor",
        fall=start_visits,
    ),
)
