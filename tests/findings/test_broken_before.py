"""A receiver is not blamed for a transaction that another one has broken before it (R203 beside R222)."""

from __future__ import annotations

from tests.support.projects import Project

MODELS = """
    from django.db import models

    class Booking(models.Model):
        pass

    class Seat(models.Model):
        number = models.IntegerField(unique=True)
"""
RECEIVERS = """
    import contextlib
    from django.db import IntegrityError
    from django.db.models.signals import post_save
    from django.dispatch import receiver
    from shop.models import *

    @receiver(post_save, sender=Booking)
    def take_seat(sender, **kwargs):
        with contextlib.suppress(IntegrityError):
            Seat.objects.create(number=1)

    @receiver(post_save, sender=Booking)
    def count_seats(sender, **kwargs):
        return Seat.objects.count()
"""
VIEWS = """
    from django.db import transaction
    from django.http import HttpResponse
    from shop.models import *

    @transaction.atomic
    def view_book(request):
        Seat.objects.get_or_create(number=1)
        Booking.objects.create()
        return HttpResponse()
"""


def test_a_query_in_a_transaction_that_was_broken_before_is_not_blamed(project: Project) -> None:
    project.write(models=MODELS, receivers=RECEIVERS, views=VIEWS)
    project.run("assert get('/view_book/').status_code == 500")
    found = project.findings()
    assert "take_seat" in found["broken-transaction"].message
    assert "raises-into-caller" not in found
