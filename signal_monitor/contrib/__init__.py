"""Support for packages that a project may use."""
