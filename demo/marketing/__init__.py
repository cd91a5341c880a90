"""Receivers of the other apps' signals, which queue tasks."""
