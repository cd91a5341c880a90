"""Signals of the authenticate app."""

from __future__ import annotations

from django.dispatch import Signal

invite_accepted = Signal()
"""Someone is active who was invited before: ``sender`` is the ProfileAcademy class, ``instance`` the saved profile."""
