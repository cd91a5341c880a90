"""Receivers for new search terms, details and genres of movies, and the end of requests."""

from __future__ import annotations

import logging

from django.core.signals import request_finished
from django.db import models, transaction
from django.db.models.signals import m2m_changed, post_save, pre_delete
from django.dispatch import receiver

from demo.movies import omdb
from demo.movies.models import Genre, Movie, SearchTerm
from demo.movies.signals import movie_filled
from demo.movies.tasks import notify_of_new_search_term

logger = logging.getLogger(__name__)


@receiver(post_save, sender=SearchTerm, dispatch_uid="movies.queue_notification")
def queue_notification(
    sender: type[SearchTerm],
    instance: SearchTerm,
    created: bool,  # noqa: FBT001
    raw: bool,  # noqa: FBT001
    **_kwargs: object,
) -> None:
    """Queue a mail to the admins when a new term is committed."""
    if not created or raw:
        return

    # Not a partial: Django logs the __qualname__ of a function that fails here, and a partial has none.
    def queue() -> None:
        notify_of_new_search_term.delay(instance.pk)

    # Robust: the search continues if the mail cannot be queued; Django logs the error.
    transaction.on_commit(queue, robust=True)


@receiver(movie_filled)
def log_movie_filled(sender: object, movie: Movie, **_kwargs: object) -> None:
    """Log a movie whose details were added."""
    logger.info("Filled in: %s, %s min", movie, movie.runtime_minutes)


@receiver(m2m_changed, sender=Movie.genres.through)
def recount_genres(
    sender: type[models.Model],
    instance: Movie | Genre,
    action: str,
    pk_set: set[int] | None,
    **_kwargs: object,
) -> None:
    """Count the movies of each genre that was added to a movie or removed from it."""
    if action not in {"post_add", "post_remove", "post_clear"}:
        return
    genres = Genre.objects.order_by()
    if isinstance(instance, Genre):
        genres = genres.filter(pk=instance.pk)
    elif pk_set is not None:  # None after clear(), which does not give the former ones
        genres = genres.filter(pk__in=pk_set)
    counted = Genre.objects.order_by().filter(pk=models.OuterRef("pk")).annotate(number=models.Count("movies"))
    genres.update(movie_count=models.Subquery(counted.values("number")))


@receiver(pre_delete, sender=Movie)
def leave_genres(sender: type[Movie], instance: Movie, **_kwargs: object) -> None:
    """Remove a movie from its genres before it is deleted: Django deletes these rows without m2m_changed."""
    instance.genres.clear()


@receiver(request_finished)
def close_omdb_client(sender: type, **_kwargs: object) -> None:
    """Close the OMDb client if the request opened one, and log its number of queries."""
    questions = omdb.close()
    if questions is not None:
        logger.info("OMDb was asked %d %s", questions, "time" if questions == 1 else "times")
