"""What the worker does for the blocking app."""

from __future__ import annotations

import logging

from celery import shared_task

from demo.blocking.chores import do_chore
from demo.blocking.models import Publication

logger = logging.getLogger(__name__)


@shared_task
def do_chore_later(publication_pk: int, name: str) -> None:
    """Do a chore while nobody waits."""
    publication = Publication.objects.filter(pk=publication_pk).first()
    if publication is None:  # the worker was so far behind that it has been forgotten
        logger.info("Publication %s is gone, and so is its chore %s", publication_pk, name)
    else:
        do_chore(publication, name)
