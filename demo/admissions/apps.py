"""The admissions app."""

from __future__ import annotations

from django.apps import AppConfig


class AdmissionsConfig(AppConfig):
    """Cohorts and their students."""

    name = "demo.admissions"
