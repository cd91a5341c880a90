"""Finished tasks in the admin."""

from __future__ import annotations

from django.contrib import admin

from demo.application.models import FinishedTask


@admin.register(FinishedTask)
class FinishedTaskAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Finished tasks and their processes."""

    list_display = ("name", "task_id", "process_id", "at")
