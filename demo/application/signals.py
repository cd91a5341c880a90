"""Signals of the application app."""

from __future__ import annotations

from django.dispatch import Signal

some_task_done = Signal()
"""A task has ended: ``sender`` is the task's name, a string, and ``task_id`` says which run of it."""
