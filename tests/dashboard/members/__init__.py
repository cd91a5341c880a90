"""An app whose users cannot be staff; only ``tests.dashboard.project_without_staff`` installs it."""
