"""Receivers of post_save; connected if requests are measured."""

from __future__ import annotations

from django.db.models.signals import post_save

from .models import Item


def index(sender: object, **kwargs: object) -> None:
    """Do nothing, in place of updating a search index."""


def announce(sender: object, **kwargs: object) -> None:
    """Do nothing, in place of notifying subscribers."""


def expire(sender: object, **kwargs: object) -> None:
    """Do nothing, in place of invalidating a cache."""


RECEIVERS = (index, announce, expire)


def connect() -> None:
    """Connect the receivers."""
    for receiver in RECEIVERS:
        post_save.connect(receiver, sender=Item)
