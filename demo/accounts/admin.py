"""Profiles and login events in the admin."""

from __future__ import annotations

from django.contrib import admin

from demo.accounts.models import LoginEvent, Profile


@admin.register(Profile)
class ProfileAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """All profiles."""

    list_display = ("display_name", "user", "saved_at")
    search_fields = ("display_name", "user__username")


@admin.register(LoginEvent)
class LoginEventAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Logins and logouts."""

    list_display = ("user", "kind", "at")
    list_filter = ("kind",)
