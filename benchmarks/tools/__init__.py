"""The tools that are measured: one module per project."""

from __future__ import annotations

ENCODE = "BENCHMARKS_ENCODE"
"""The environment variable that makes exporters encode what they are given, as they would for a collector."""
STORE = "BENCHMARKS_STORE"
"""The environment variable that names the monitor's store in a file."""
