"""The search, for the page, the task and the command."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from demo.movies import omdb
from demo.movies.models import Genre, Movie, SearchTerm
from demo.movies.signals import movie_filled

MOST_FOUND = 10


def find_movies(term: SearchTerm) -> list[Movie]:
    """Search for a term, and store its movies with their details; if that fails, store and raise OmdbError."""
    try:
        movies = [_keep(summary) for summary in omdb.client().search(term.text)[:MOST_FOUND]]
        for movie in movies:
            if movie.filled_at is None:
                fill_movie_details(movie)
    except omdb.OmdbError as error:
        term.fail(str(error))
        raise
    term.finish(movies)
    return movies


def fill_movie_details(movie: Movie) -> None:
    """Add the details of a movie, and send the signal."""
    details = omdb.client().details(movie.omdb_id)
    movie.runtime_minutes, movie.plot, movie.filled_at = details.runtime_minutes, details.plot, timezone.now()
    # After the look-up, so that no transaction is open during network access.
    with transaction.atomic():
        movie.save()
        movie.genres.set([Genre.objects.get_or_create(name=name)[0] for name in details.genres])
    movie_filled.send(sender=fill_movie_details, movie=movie)


def _keep(summary: omdb.Summary) -> Movie:
    row = {"title": summary.title, "year": summary.year}
    return Movie.objects.get_or_create(omdb_id=summary.omdb_id, defaults=row)[0]
