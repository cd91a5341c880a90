"""Signals that are sent or received in the wrong way; ``sender`` is the Press class unless stated otherwise."""

from __future__ import annotations

from django.dispatch import Signal

report_requested = Signal()
supplier_called = Signal()
quote_answered = Signal()
quote_awaited = Signal()
quotes_compared = Signal()
roll_called = Signal()

import_finished = Signal()
cleanup_finished = Signal()
course_opened = Signal()
"""Sender Course; ``instance``, and no ``created``."""
visit_started = Signal()
"""With the arguments of Django's ``request_started``: ``environ`` under WSGI, ``scope`` under ASGI."""

lesson_starting = Signal()
lesson_ending = Signal()
voucher_redeemed = Signal()
course_saved = Signal()
"""Sender CourseUser; its receiver listens to Course."""
course_archived = Signal()
"""The sender is an instance of Course; its receiver listens to the class."""

receipt_due = Signal()

certificate_issued = Signal()
"""Sender Certificate; ``instance``, which is not in the table yet."""
