"""Signals of the accounts app."""

from __future__ import annotations

from django.dispatch import Signal

signed_up = Signal()
"""Someone has opened an account: ``sender`` is the user's class, ``user`` the new user, profile included."""
