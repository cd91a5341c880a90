"""OpenTelemetry: what becomes of dispatches as spans and metrics."""
