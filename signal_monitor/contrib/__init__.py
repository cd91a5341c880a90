"""What ties the monitor to packages that a project may or may not use."""
