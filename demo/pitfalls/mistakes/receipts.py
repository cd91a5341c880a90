"""Receivers in a module that is imported under two paths, as when both the project and an app's parent are on sys.path.

Each import creates new functions, so Django cannot know that they are the same.
"""

from __future__ import annotations

from django.dispatch import receiver

from demo.pitfalls.models import Press
from demo.pitfalls.signals import receipt_due


@receiver(receipt_due)
def send_receipt(sender: type[Press], **_kwargs: object) -> str:
    """Send a receipt; connected once for each import path of the module."""
    return "receipt"


@receiver(receipt_due, dispatch_uid="demo.pitfalls.send_receipt_once")
def send_receipt_once(sender: type[Press], **_kwargs: object) -> str:
    """Send a receipt; connected once, because of its dispatch_uid."""
    return "one receipt"
