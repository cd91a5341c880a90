"""Publications in the admin."""

from __future__ import annotations

from django.contrib import admin

from demo.blocking.models import Publication


@admin.register(Publication)
class PublicationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Publications, and how long their visitors waited."""

    list_display = ("how", "waited_ms", "published_at", "finished_at")
    list_filter = ("how",)
