"""Movies, genres and search terms in the admin."""

from __future__ import annotations

from django.contrib import admin

from demo.movies.models import Genre, Movie, SearchTerm


@admin.register(Genre)
class GenreAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Genres, and their number of movies."""

    list_display = ("name", "movie_count")


@admin.register(Movie)
class MovieAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Movies."""

    list_display = ("title", "year", "runtime_minutes", "filled_at")
    list_filter = ("genres",)
    search_fields = ("title",)


@admin.register(SearchTerm)
class SearchTermAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Search terms."""

    list_display = ("text", "status", "asked_at", "admins_told_at")
    list_filter = ("status",)
    search_fields = ("text",)
