"""From the queue to the observers."""

from .runtime import current, flush, instrument, run, stop, stop_before_others_at_exit
from .worker import Observer, Pipeline

__all__ = ["Observer", "Pipeline", "current", "flush", "instrument", "run", "stop", "stop_before_others_at_exit"]
