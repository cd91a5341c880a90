"""What the monitor costs; run by hand, never by the tests: ``python -m benchmarks.overhead``."""
