"""From the queue to the observers."""

from .runtime import (
    REPLACE_SECONDS,
    begin_anew_if_forked,
    current,
    flush,
    instrument,
    run,
    stop,
    stop_before_others_at_exit,
    work_for_worker,
)
from .worker import Observer, Pipeline

__all__ = [
    "REPLACE_SECONDS",
    "Observer",
    "Pipeline",
    "begin_anew_if_forked",
    "current",
    "flush",
    "instrument",
    "run",
    "stop",
    "stop_before_others_at_exit",
    "work_for_worker",
]
