"""Whoever waits is told how far a run is, in a log not more often than every half minute."""

from __future__ import annotations

import io

from .progress import ProgressLine
from .suite import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_line_in_a_log_comes_every_half_minute() -> None:
    log = io.StringIO()
    line = ProgressLine("Django 6.1, fast", log)
    for elapsed_s in (1, 31, 45, 62):
        line(Progress(done=elapsed_s, total=100, test="auth_tests.test_views.LoginTest.test_it", elapsed_s=elapsed_s))
    line.clear()
    assert log.getvalue().splitlines() == [
        "Django 6.1, fast: 31/100 tests, 0:31  auth_tests",
        "Django 6.1, fast: 62/100 tests, 1:02  auth_tests",
    ]


def test_progress_line_on_a_terminal_is_written_anew_and_cleared() -> None:
    terminal = Terminal()
    line = ProgressLine("Django 6.1, fast", terminal)
    line(Progress())
    line.clear()
    assert terminal.getvalue() == "\r\x1b[KDjango 6.1, fast: 0/? tests, 0:00  \r\x1b[K"
