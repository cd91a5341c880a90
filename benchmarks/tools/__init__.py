"""The tools that are measured: one module per project."""

from __future__ import annotations

ENCODE = "BENCHMARKS_ENCODE"
"""The environment variable that makes exporters encode what they are given, as they would for a collector."""
