"""Cohorts and students in the admin."""

from __future__ import annotations

from django.contrib import admin

from demo.admissions.models import Cohort, CohortUser


@admin.register(Cohort)
class CohortAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Cohorts; the admin does not use the serializer, which sends the signal."""

    list_display = ("slug", "name", "kickoff_date", "saved_at")
    search_fields = ("slug", "name")


@admin.register(CohortUser)
class CohortUserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Students."""

    list_display = ("user", "cohort", "educational_status")
    list_filter = ("educational_status",)
