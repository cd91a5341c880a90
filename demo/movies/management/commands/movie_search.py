"""``manage.py movie_search "finding nemo"``: the search of the movies page, from the shell."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from demo.movies import omdb
from demo.movies.forms import NOW, SearchForm
from demo.movies.models import Movie, SearchTerm
from demo.movies.search import find_movies


class Command(BaseCommand):
    """Search for movies and print what was found."""

    help = "Search for movies by words of their title, as the movies page does, and print what was found."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("text", nargs="+", metavar="WORD", help='words of the title, such as "finding nemo"')

    def handle(self, *args: object, **options: Any) -> None:  # noqa: ANN401
        """Search, print, and close the client, because there is no request whose end closes it."""
        form = SearchForm({"text": " ".join(options["text"]), "how": NOW})
        if not form.is_valid():
            raise CommandError(" ".join(map(str, form.errors["text"])))
        term = SearchTerm.objects.ask(form.cleaned_data["text"])
        try:
            movies = find_movies(term)
        except omdb.OmdbError as error:
            raise CommandError(str(error)) from error
        finally:
            omdb.close()
        for movie in movies:
            self.stdout.write(_cache_infos(movie))
        if not movies:
            self.stdout.write(f"No movie has all the words of “{term}” in its title.")


def _cache_infos(movie: Movie) -> str:
    facts = [", ".join(genre.name for genre in movie.genres.order_by("name"))]
    if movie.runtime_minutes:
        facts.append(f"{movie.runtime_minutes} min")
    return "\n  ".join(filter(None, (str(movie), " · ".join(filter(None, facts)), movie.plot)))
