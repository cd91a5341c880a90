"""Signals of the blocking app."""

from __future__ import annotations

from django.dispatch import Signal

article_published = Signal()
"""An article was published; ten receivers do its chores. ``sender`` is Publication, ``publication`` the instance."""

article_queued = Signal()
"""An article was published; one receiver queues its chores. Arguments as above."""

chore_done = Signal()
"""A chore is done, in a receiver or a task. ``sender`` is Chore, ``chore`` the instance."""
