"""From the queue to the observers."""

from .runtime import REPLACE_SECONDS, current, flush, instrument, run, stop, stop_before_others_at_exit
from .worker import Observer, Pipeline

__all__ = [
    "REPLACE_SECONDS",
    "Observer",
    "Pipeline",
    "current",
    "flush",
    "instrument",
    "run",
    "stop",
    "stop_before_others_at_exit",
]
