"""Todos in the admin."""

from __future__ import annotations

from django.contrib import admin

from demo.todos.models import Todo


@admin.register(Todo)
class TodoAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """All todos."""

    list_display = ("title", "owner", "status", "changed_at")
    list_filter = ("status",)
    search_fields = ("title", "owner__username")
