"""Tasks of the pitfalls app."""

from __future__ import annotations

from celery import shared_task

from demo.pitfalls.models import Enrolment, Lookup


@shared_task
def welcome_member(member_id: int) -> None:
    """Look for a new member to welcome, and store whether they were found."""
    Lookup.objects.keep(member_id=member_id, found=Enrolment.objects.filter(pk=member_id).exists())
