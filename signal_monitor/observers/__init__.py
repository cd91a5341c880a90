"""Observers receive finished dispatches: one module for each, and none imports another."""
