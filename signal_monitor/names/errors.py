"""Messages of exceptions."""

from __future__ import annotations

from typing import cast

from signal_monitor.scrubbing import MAX_RAW
from signal_monitor.text import cleaned_lines

MAX_ARGUMENTS = 20


def error_message(error: BaseException) -> str | None:
    """The arguments of an exception that are exactly str, int or float, as text; None if there are none.

    ``str(error)`` could run code of the application, and could contain private data. Secrets are scrubbed where the
    text is recorded, in the worker; so it may be longer here than a name.
    """
    arguments = BaseException.args.__get__(error)[:MAX_ARGUMENTS]  # type: ignore[attr-defined]
    texts = [_argument(item) for item in arguments if type(item) in {str, int, float}]
    return cleaned_lines(", ".join(texts), MAX_RAW) if texts else None


def _argument(value: object) -> str:
    if type(value) is str:
        return cleaned_lines(value, MAX_RAW)
    return number(value) if type(value) is int else str(value)


def number(value: object) -> str:
    """An int as text, whatever its size."""
    try:
        return str(value)
    except ValueError:  # it has more digits than Python converts
        return f"an int of {cast('int', value).bit_length()} bits"
