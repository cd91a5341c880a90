"""The shop's signals."""

from __future__ import annotations

from django.dispatch import Signal

ordered = Signal()
shipped = Signal()
