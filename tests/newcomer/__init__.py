"""New projects that follow the README, and the servers that people start."""
