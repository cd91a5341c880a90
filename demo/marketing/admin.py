"""Form entries, tags and tasks in the admin."""

from __future__ import annotations

from django.contrib import admin

from demo.marketing.models import CohortTask, FormEntry, Tag


@admin.register(FormEntry)
class FormEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """E-mail addresses that people left, and their users."""

    list_display = ("email", "first_name", "user", "at")
    search_fields = ("email",)


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Tags of cohorts, and the process that created them."""

    list_display = ("slug", "cohort", "process_id", "saved_at")


@admin.register(CohortTask)
class CohortTaskAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Tasks of students, and the process that created them."""

    list_display = ("title", "cohort_user", "process_id", "at")
