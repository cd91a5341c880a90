"""Measurements of what observing costs: ``python -m benchmarks.overhead`` and ``python -m benchmarks.requests``."""
