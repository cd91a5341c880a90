"""The tasks of the blocking app."""

from __future__ import annotations

import logging

from celery import shared_task

from demo.blocking.chores import do_chore
from demo.blocking.models import Publication

logger = logging.getLogger(__name__)


@shared_task
def do_chore_later(publication_pk: int, name: str) -> None:
    """Do a chore in the worker."""
    publication = Publication.objects.filter(pk=publication_pk).first()
    if publication is None:  # it was deleted before the worker got here
        logger.info("Publication %s is gone, and so is its chore %s", publication_pk, name)
    else:
        do_chore(publication, name)
