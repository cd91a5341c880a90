"""Movies, their genres, and the terms that people searched for."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.utils import timezone

LONGEST_TERM = 100


class Genre(models.Model):
    """A genre; a receiver counts its movies."""

    name = models.CharField(max_length=60, unique=True)
    movie_count = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        ordering = ("-movie_count", "name")

    def __str__(self) -> str:
        return self.name


class Movie(models.Model):
    """A movie that was found; ``filled_at`` is empty until its details are filled in."""

    omdb_id = models.CharField("OMDb id", max_length=20, unique=True)
    title = models.CharField(max_length=200)
    year = models.PositiveSmallIntegerField(null=True, blank=True)
    runtime_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    plot = models.TextField(blank=True)
    genres = models.ManyToManyField(Genre, blank=True, related_name="movies")
    filled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("title", "year")

    def __str__(self) -> str:
        return f"{self.title} ({self.year})" if self.year else self.title


class SearchTermManager(models.Manager["SearchTerm"]):
    """Search terms; each is stored once."""

    def ask(self, text: str) -> SearchTerm:
        """Create or update a term that someone searches for; its result is pending."""
        term, created = self.get_or_create(text=" ".join(text.casefold().split()))
        if not created:
            term.status, term.error, term.asked_at = SearchTerm.Status.PENDING, "", timezone.now()
            term.save(update_fields=["status", "error", "asked_at"])
        return term


class SearchTerm(models.Model):
    """A search term, and the result of the last search for it."""

    class Status(models.TextChoices):
        """The state of the last search."""

        PENDING = "pending", "pending"
        DONE = "done", "done"
        FAILED = "failed", "failed"

    text = models.CharField(max_length=LONGEST_TERM, unique=True)
    status = models.CharField(max_length=7, choices=Status, default=Status.PENDING)
    error = models.TextField(blank=True)
    movies = models.ManyToManyField(Movie, blank=True, related_name="search_terms")
    asked_at = models.DateTimeField(default=timezone.now)
    admins_told_at = models.DateTimeField(null=True, blank=True)

    objects = SearchTermManager()

    class Meta:
        ordering = ("-asked_at",)

    def __str__(self) -> str:
        return self.text

    def finish(self, movies: Iterable[Movie]) -> None:
        """Store the movies that were found."""
        self.movies.set(movies)
        self.status, self.error = self.Status.DONE, ""
        self.save(update_fields=["status", "error"])

    def fail(self, error: str) -> None:
        """Store why the search failed."""
        self.status, self.error = self.Status.FAILED, error
        self.save(update_fields=["status", "error"])
