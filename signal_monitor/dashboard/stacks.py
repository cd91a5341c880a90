"""Which lines of a stack are the project's own code."""

from __future__ import annotations

from collections.abc import Sequence

from signal_monitor.records import Frame

LIBRARIES = ("/site-packages/", "/dist-packages/", "/lib/python", "\\site-packages\\", "<frozen ")


def is_own(frame: Frame) -> bool:
    """Whether a line is of the project, not of an installed package or of Python."""
    return not any(part in frame.path for part in LIBRARIES)


def own_frame(stack: Sequence[Frame]) -> Frame | None:
    """The innermost line of the project's own code, or the innermost of all; None for an empty stack."""
    own = [frame for frame in stack if is_own(frame)]
    return own[-1] if own else stack[-1] if stack else None
