"""Cohorts of students, and the educational status of each student."""
