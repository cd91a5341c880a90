"""Findings: what is wrong with a project's signals, each with its evidence, its line and what to do."""

from __future__ import annotations

from signal_monitor.finding import Finding

from .engine import find, find_lately, newest_first

__all__ = ["Finding", "find", "find_lately", "newest_first"]
