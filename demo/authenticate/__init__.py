"""Invitations to the academy, and their acceptance."""
