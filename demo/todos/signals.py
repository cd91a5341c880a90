"""Signals of the todos app; each is sent with the class as sender and the todo as ``item``."""

from __future__ import annotations

from django.dispatch import Signal

todo_complete = Signal()
todo_done = Signal()
todo_undone = Signal()
