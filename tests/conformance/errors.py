"""Why no comparison could be made."""

from __future__ import annotations


class ConformanceError(Exception):
    """The comparison cannot be made; the text says why."""


class SdistUnavailableError(ConformanceError):
    """Django's sdist cannot be had, most likely for lack of a network."""
