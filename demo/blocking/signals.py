"""Signals of the blocking app."""

from __future__ import annotations

from django.dispatch import Signal

article_published = Signal()
"""An article is out: ten receivers do its chores at once. ``sender`` is Publication, ``publication`` the one."""

article_queued = Signal()
"""An article is out: one receiver queues its chores. ``sender`` is Publication, ``publication`` the one."""

chore_done = Signal()
"""A chore is done, wherever that was: ``sender`` is Chore, ``chore`` the one."""
