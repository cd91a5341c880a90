"""What follows a save; connected where requests are measured."""

from __future__ import annotations

from django.db.models.signals import post_save

from .models import Item


def index(sender: object, **kwargs: object) -> None:
    """As a search index would be told."""


def announce(sender: object, **kwargs: object) -> None:
    """As subscribers would be told."""


def expire(sender: object, **kwargs: object) -> None:
    """As a cache would be told."""


RECEIVERS = (index, announce, expire)


def connect() -> None:
    """Let the receivers follow every save of an item."""
    for receiver in RECEIVERS:
        post_save.connect(receiver, sender=Item)
