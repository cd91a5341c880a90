"""Settings of a site whose access rule is chosen by each request."""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - all of them
from tests.settings import SIGNAL_MONITOR

SIGNAL_MONITOR = {**SIGNAL_MONITOR, "ACCESS": "tests.dashboard.rules.chosen"}
