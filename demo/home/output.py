"""What receivers and tasks write, for the page that shows it: log lines and mail, in files that all processes share."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_BYTES = 200_000
KEPT_MAILS = 50
LINE = re.compile(r"(?P<at>\d{4}-\d\d-\d\d [\d:]+),\d+ (?P<level>[A-Z]+) (?P<logger>[\w.]+): (?P<text>.*)")


class LogFileHandler(RotatingFileHandler):
    """Writes to a file of at most LOG_BYTES, which the process that starts to log creates."""

    def __init__(self, filename: Path) -> None:
        filename.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(filename, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a receiver or a task has logged, and the process that did."""

    at: datetime
    level: str
    logger: str
    text: str
    process: str

    @property
    def is_request(self) -> bool:
        """Whether it is one of the lines that log_request writes for every request."""
        return self.text.startswith("Request: ")


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was sent."""

    at: datetime
    to: str
    subject: str
    text: str


def log_lines(directory: Path, number: int, *, requests: bool = False) -> list[LogLine]:
    """The newest log lines of all processes, newest first."""
    found = [line for path in directory.glob("*.log*") for line in _lines_of(path) if requests or not line.is_request]
    return sorted(found, key=lambda line: line.at, reverse=True)[:number]


def _lines_of(path: Path) -> Iterator[LogLine]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if found := LINE.match(line):
            at = datetime.fromisoformat(found["at"])
            yield LogLine(at, found["level"], found["logger"], found["text"], path.name.partition(".")[0])


def mails(directory: Path, number: int) -> list[Mail]:
    """The newest mails, newest first."""
    return [_read(path) for path in _newest_first(directory)[:number]]


def delete_old_mails(directory: Path) -> None:
    """Delete all but the newest KEPT_MAILS."""
    for path in _newest_first(directory)[KEPT_MAILS:]:
        path.unlink(missing_ok=True)


def _newest_first(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)


def _read(path: Path) -> Mail:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = message.get_body()
    # Django ends each mail in its file with a line of dashes.
    text = str(body.get_content()).rstrip("-\n") if body else ""
    at = datetime.fromtimestamp(path.stat().st_mtime)  # noqa: DTZ006 - the page has local time everywhere
    return Mail(at, str(message["to"]), str(message["subject"]), text)
