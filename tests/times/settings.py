"""The settings of the sites of these tests: their own pages, and a monitor that everybody may see."""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - a settings module
from tests.settings import SIGNAL_MONITOR as _MONITOR

ROOT_URLCONF = "tests.times.shop"
SIGNAL_MONITOR = {**_MONITOR, "ACCESS": "tests.dashboard.examples.everybody", "REQUEST_SLOW_MS": 1}
