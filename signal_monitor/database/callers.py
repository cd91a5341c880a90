"""Who has called a method of Django's: the application, or Django itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Container, Mapping
from pathlib import Path
from types import FrameType

import django
from django.db.backends import utils
from django.db.models import manager, query
from django.db.models.fields import related_descriptors

from signal_monitor.database_records import BulkOperationName
from signal_monitor.instrumentation.frames_as_django import UNCOUNTED_FILE

MAX_FRAMES = 12
MANAGER_METHODS: Mapping[str, BulkOperationName] = {
    "add": "add",
    "set": "set",
    "remove": "remove",
    "clear": "clear",
    "create": "create",
    "get_or_create": "get_or_create",
    "update_or_create": "update_or_create",
}
"""Those that write rows of the through model."""
DJANGO = f"{Path(django.__file__).parent}{os.sep}"
OWN = f"{Path(__file__).parent.parent}{os.sep}"
_DATABASE = f"{DJANGO}db{os.sep}"
_OF_QUERYSETS = frozenset({manager.__file__, query.__file__})
_OF_CURSORS = frozenset({utils.__file__})
_RELATED = related_descriptors.__file__


def _caller(passed_on: Container[str]) -> FrameType | None:
    """The frame that has called, without ours and those of files that pass a call on."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - the documented way to a frame
    for _ in range(MAX_FRAMES):
        path = frame.f_code.co_filename if frame is not None else ""
        if path != UNCOUNTED_FILE and path not in passed_on and not path.startswith(OWN):
            return frame
        frame = frame.f_back if frame is not None else None
    return None


def called_by() -> str:
    """What has called a method of a queryset: a method of a many-to-many manager, DJANGO, or "" for the application."""
    frame, name = _caller(_OF_QUERYSETS), ""
    if frame is not None and frame.f_code.co_filename.startswith(DJANGO):
        name = DJANGO
    while frame is not None and frame.f_code.co_filename == _RELATED:
        name, frame = frame.f_code.co_name, frame.f_back
    return name


def is_by_django() -> bool:
    """Whether Django's own code has run a statement, itself or through what others have put around the cursor."""
    frame = _caller(_OF_CURSORS)
    for _ in range(MAX_FRAMES):
        if frame is None:
            break
        if frame.f_code.co_filename.startswith(DJANGO):
            return frame.f_code.co_filename.startswith(_DATABASE)
        frame = frame.f_back
    return False
