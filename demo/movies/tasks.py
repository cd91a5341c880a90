"""The tasks of the movies app."""

from __future__ import annotations

import logging

from celery import shared_task
from django.core.mail import mail_admins
from django.utils import timezone

from demo.movies import omdb
from demo.movies.models import SearchTerm
from demo.movies.search import find_movies

logger = logging.getLogger(__name__)


@shared_task
def notify_of_new_search_term(pk: int) -> None:
    """Mail the admins a search term that is new."""
    term = SearchTerm.objects.get(pk=pk)
    mail_admins(f"New search term: {term}", f"Someone searched for “{term}”, which nobody had before.")
    SearchTerm.objects.filter(pk=pk).update(admins_told_at=timezone.now())


@shared_task
def search_in_background(pk: int) -> None:
    """Search for a term in the worker; a failure is stored with the term."""
    term = SearchTerm.objects.get(pk=pk)
    try:
        find_movies(term)
    except omdb.OmdbError as error:
        logger.warning("The search for %s failed: %s", term, error)
    finally:
        omdb.close()
