"""Django's own settings for its tests on SQLite, with a runner that writes down what became of each test."""

from __future__ import annotations

from test_sqlite import *  # noqa: F403 - Django's own settings for its tests

TEST_RUNNER = "conformance_runner.RecordingRunner"
