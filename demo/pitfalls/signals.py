"""Signals whose receivers do what they should not; ``sender`` is the Press class."""

from __future__ import annotations

from django.dispatch import Signal

report_requested = Signal()
import_finished = Signal()
cleanup_finished = Signal()
