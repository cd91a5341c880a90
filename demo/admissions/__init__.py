"""Cohorts of students, and how each student stands."""
