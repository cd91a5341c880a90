"""Presses in the admin."""

from __future__ import annotations

from django.contrib import admin

from demo.pitfalls.models import Press


@admin.register(Press)
class PressAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Who fell for what."""

    list_display = ("pitfall", "waited_ms", "at")
    list_filter = ("pitfall",)
