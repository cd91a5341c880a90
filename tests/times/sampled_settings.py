"""The settings of a site that stores slow and failed requests only."""

from __future__ import annotations

from tests.times.settings import *  # noqa: F403 - a settings module
from tests.times.settings import SIGNAL_MONITOR as _MONITOR

SIGNAL_MONITOR = {**_MONITOR, "REQUEST_SLOW_MS": 300, "SAMPLE_PER_SECOND": 0}
