"""Signals of the admissions app."""

from __future__ import annotations

from django.dispatch import Signal

cohort_saved = Signal()
"""The serializer has saved a cohort: ``sender`` is the Cohort class, with ``instance`` and ``created``."""

student_edu_status_updated = Signal()
"""A student's status is new or changed: ``sender`` is the CohortUser class, with ``instance`` and ``created``."""
