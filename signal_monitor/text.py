r"""Cleaning of text from outside, once, where it enters a record: what no one can see or store is escaped.

Lone surrogates cannot be encoded, a terminal obeys escape sequences, and invisible or bidirectional characters make one
name look like another. All of them become escapes as in Python's literals, such as ``\x1b`` and ``\u202e``.
"""

from __future__ import annotations

import contextlib
import logging
import re
import traceback
from types import TracebackType
from typing import Any

MAX_LENGTH = 200
"""Characters of a name or a message; longer text is cut."""
MAX_LINE = 1_000
"""Characters of a path, or of an argument of a log record."""

# Control, format, surrogate, separator and filler characters and noncharacters, without the signs that are seen.
_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001107f\U00013430-\U00013440\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SYMBOL = "[\u00a9\u00ae\u203c-\u3299\ufe0f\U0001f000-\U0001faff]"
_JOINED = "[\u0600-\u109f\u1780-\u18af]"
# A joiner belongs between letters of Arabic or an Indic script, and with a variation selector into an emoji.
_JOINERS = f"(?<!{_JOINED})\u200c|\u200c(?!{_JOINED})|(?<!{_JOINED})(?<!{_SYMBOL})\u200d|\u200d(?!{_JOINED}|{_SYMBOL})"
_MISLEADING = re.compile(f"[{_UNSEEN}]|{_JOINERS}|(?<!{_SYMBOL})[\ufe00-\ufe0f]|(?<=[\ufe00-\ufe0e])\ufe0f")
_MISLEADING_IN_LINE = re.compile(f"[\t\n]|{_MISLEADING.pattern}")
_NAMES = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def cleaned(text: str, limit: int = MAX_LENGTH) -> str:
    """The text in one line, without a character that is misleading or cannot be stored, and not much over ``limit``.

    It is a plain ``str``, and cleaning it again changes nothing. No method of a subclass of ``str`` is called.
    """
    text = _cut(plain(text), limit)
    return text if _is_plain(text) else _cut(_MISLEADING_IN_LINE.sub(_escape, text), limit)


def cleaned_lines(text: str, limit: int = MAX_LENGTH) -> str:
    """The same for text that may have several lines, such as the message of an exception: these stay."""
    text = _cut(plain(text), limit)
    return text if _is_plain(text) else _cut(_MISLEADING.sub(_escape, text), limit)


def encodable(text: str) -> str:
    """The text with lone surrogates escaped: all that keeps it from being sent."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def plain(text: str) -> str:
    """The text as a plain ``str``, whatever methods its class has."""
    return str.__str__(text)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if char in _NAMES:
        return _NAMES[char]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class CleanLogs(logging.Filter):
    """Escapes what a log record of the monitor says, so that no text from outside forges a line or moves a cursor."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean the arguments of a record and the text of its exception; every record passes."""
        with contextlib.suppress(Exception):  # an argument without text: logging reports it
            if isinstance(record.args, tuple):
                record.args = tuple(map(_argument, record.args))
            if record.exc_info and not record.exc_text:
                record.exc_text = _exception_text(*record.exc_info)
        return True


def _argument(value: Any) -> object:  # noqa: ANN401 - whatever is logged
    if isinstance(value, int | float):
        return value
    return cleaned(value if isinstance(value, str) else str(value), MAX_LINE)


def _exception_text(kind: type[BaseException] | None, error: BaseException | None, lines: TracebackType | None) -> str:
    """A traceback as ``logging`` prints it, with each message in one line."""
    if error is None:
        return ""
    return "".join(map(_traceback_part, traceback.format_exception(kind, error, lines))).rstrip("\n")


def _traceback_part(part: str) -> str:
    if part.startswith(("  ", "\n", "Traceback")):
        return cleaned_lines(part, 10 * MAX_LINE)
    return f"{cleaned(part[:-1], MAX_LINE)}\n"
