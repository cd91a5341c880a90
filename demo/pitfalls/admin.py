"""The models of the pitfalls in the admin."""

from __future__ import annotations

from django.contrib import admin

from demo.pitfalls.models import Certificate, Course, CourseUser, Draft, Enrolment, Lookup, Payment, Press


@admin.register(Press)
class PressAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Clicks on the buttons."""

    list_display = ("pitfall", "waited_ms", "at")
    list_filter = ("pitfall",)


@admin.register(CourseUser)
class CourseUserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # the same
    """Members, by their course."""

    list_display = ("name", "course")
    list_filter = ("course",)
    list_select_related = ("course",)


admin.site.register((Certificate, Course, Draft, Enrolment, Lookup, Payment))
