"""Receivers that never run: no ``AppConfig.ready`` imports this module, so nothing here is connected."""

from __future__ import annotations

from django.dispatch import receiver

from demo.pitfalls.models import Press
from demo.pitfalls.signals import voucher_redeemed


@receiver(voucher_redeemed)
def book_voucher(sender: type[Press], **_kwargs: object) -> str:
    """Book a voucher; never connected."""
    return "booked"
