"""What listens to the shop's signals."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from .signals import ordered, shipped


@receiver(ordered)
def reserve(**kwargs: Any) -> None:
    """Dispatch another signal."""
    shipped.send_robust(sender="warehouse")


@receiver(ordered)
def note(**kwargs: Any) -> None:
    """Do nothing."""


@receiver(shipped)
def post(**kwargs: Any) -> None:
    """Fail."""
    raise OSError("no stamps")
