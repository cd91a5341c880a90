"""What observing costs, measured: ``python -m benchmarks.overhead`` and ``python -m benchmarks.requests``."""
