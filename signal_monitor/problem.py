"""A problem of a project's setup, as the system checks report it."""

from __future__ import annotations

from typing import NamedTuple

from django.core.checks import CheckMessage, Info, Warning  # noqa: A004 - Django's name for it

from signal_monitor.text import MAX_LINE, cleaned_lines

TAG = "signal_monitor"


class Problem(NamedTuple):
    """A problem that the checks find; text and hint may have fields in braces."""

    number: str
    text: str
    hint: str

    @property
    def id(self) -> str:
        """The id of the message, as SILENCED_SYSTEM_CHECKS expects it."""
        return f"{TAG}.{self.number}"

    def message(self, **values: object) -> CheckMessage:
        """The message for a project in which the problem was found."""
        level = Info if self.number.startswith("I") else Warning
        texts = {name: cleaned_lines(str(value), MAX_LINE) for name, value in values.items()}
        return level(self.text.format(**texts), hint=self.hint.format(**texts), id=self.id)
