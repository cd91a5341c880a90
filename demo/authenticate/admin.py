"""Academy profiles in the admin."""

from __future__ import annotations

from django.contrib import admin

from demo.authenticate.models import ProfileAcademy


@admin.register(ProfileAcademy)
class ProfileAcademyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Invited people; making one active here sends the signal, too."""

    list_display = ("email", "first_name", "status", "user", "invited_at")
    list_filter = ("status",)
    search_fields = ("email", "first_name")
