"""Receivers that are slow or fail, and the innocent ones beside them."""

from __future__ import annotations

import logging
import time

from django.dispatch import receiver

from demo.pitfalls.models import Press
from demo.pitfalls.signals import cleanup_finished, import_finished, report_requested

logger = logging.getLogger(__name__)

RENDERING_SECONDS = 0.35


class TotalsError(ValueError):
    """The rows of an import do not add up."""


@receiver(report_requested)
def render_report(sender: type[Press], **_kwargs: object) -> str:
    """Render a report while the visitor waits: sleeps, as if on a slow service."""
    time.sleep(RENDERING_SECONDS)
    return "report.pdf"


@receiver(report_requested)
def count_report(sender: type[Press], **_kwargs: object) -> None:
    """Log that a report was asked for; quick, but late, because it comes second."""
    logger.info("A report was asked for")


@receiver(import_finished)
def check_totals(sender: type[Press], expected: int, found: int, **_kwargs: object) -> None:
    """Insist that an import adds up: raises when it does not."""
    if expected != found:
        raise TotalsError(f"{expected} rows in the file, {found} in the table")


@receiver(import_finished)
def announce_import(sender: type[Press], **_kwargs: object) -> None:
    """Announce an import; never runs when the receiver before it raises."""
    logger.info("An import has finished")


@receiver(cleanup_finished)
def archive_leftovers(sender: type[Press], leftovers: dict[str, str], **_kwargs: object) -> str:
    """Put leftovers into the archive: raises KeyError when nobody said where that is."""
    return leftovers["archive"]


@receiver(cleanup_finished)
def log_cleanup(sender: type[Press], **_kwargs: object) -> None:
    """Log the cleanup; runs although the receiver before it failed."""
    logger.info("The cleanup has finished")
