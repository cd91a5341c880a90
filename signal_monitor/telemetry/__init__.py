"""OpenTelemetry: the spans and metrics of dispatches."""
