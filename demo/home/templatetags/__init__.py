"""Template tags of the demo's pages."""
