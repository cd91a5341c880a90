"""A project and its only application, which do not list the monitor; the tests run it under OpenTelemetry's command."""
