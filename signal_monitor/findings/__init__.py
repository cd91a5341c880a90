"""Findings: what is wrong with a project's signals, each with its evidence, its line and what to do.

Importing the rules takes a third of the app's start, so management commands do not do it before they need them.
"""
