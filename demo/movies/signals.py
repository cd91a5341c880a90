"""Signals of the movies app."""

from __future__ import annotations

from django.dispatch import Signal

movie_filled = Signal()
"""A movie has its details: ``sender`` is the function that filled it in, ``movie`` the movie."""
