"""From the queue to the observers."""

from .observer import Observer
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
from .worker import Pipeline

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
