"""Whose time it was: own times, waiting, failures and what runs, as the pages tell them."""
