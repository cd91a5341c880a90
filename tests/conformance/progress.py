"""Tells whoever waits for minutes how far a run is."""

from __future__ import annotations

import sys
from typing import TextIO

from .suite import Progress

EVERY_S = 30


class ProgressLine:
    """One line that is written anew on a terminal, and one every half minute elsewhere."""

    def __init__(self, title: str, stream: TextIO = sys.stderr) -> None:
        self.title = title
        self.stream = stream
        self._told_s = 0.0

    def __call__(self, progress: Progress) -> None:
        minutes, seconds = divmod(int(progress.elapsed_s), 60)
        app = progress.test.partition(".")[0]
        line = f"{self.title}: {progress.done}/{progress.total or '?'} tests, {minutes}:{seconds:02}  {app}"
        if self.stream.isatty():
            self.stream.write(f"\r\x1b[K{line}")
            self.stream.flush()
        elif progress.elapsed_s - self._told_s >= EVERY_S:
            self._told_s = progress.elapsed_s
            print(line, file=self.stream, flush=True)

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self.stream.isatty():
            self.stream.write("\r\x1b[K")
            self.stream.flush()
