"""Rows that a receiver writes without their signals (R230): told of another model, meant against a circle."""

from __future__ import annotations

from tests.findings.test_many_to_many import found_there
from tests.support.projects import Project

MODELS = """
    from django.db import models

    class Product(models.Model):
        price = models.IntegerField(default=0)

    class Supplier(models.Model):
        pass

    class Left(models.Model):
        n = models.IntegerField(default=0)

    class Right(models.Model):
        left = models.ForeignKey(Left, models.CASCADE)

    class Any(models.Model):
        n = models.IntegerField(default=0)
"""
RECEIVERS = """
    from django.db.models.signals import post_save
    from django.dispatch import receiver
    from shop.models import *

    @receiver(post_save, sender=Product)
    def forget_price(sender, instance, **kwargs):
        Product.objects.filter(pk=instance.pk).update(price=1)

    @receiver(post_save, sender=Supplier)
    def raise_prices(sender, instance, **kwargs):
        Product.objects.update(price=2)

    @receiver(post_save, sender=Left)
    def push_right(sender, instance, **kwargs):
        for right in instance.right_set.all():
            right.save()

    @receiver(post_save, sender=Right)
    def push_left(sender, instance, **kwargs):
        Left.objects.filter(pk=instance.left_id).update(n=1)

    @receiver(post_save)
    def count_any(sender, instance, **kwargs):
        if sender is Any:
            sender.objects.filter(pk=instance.pk).update(n=2)

    @receiver(post_save, sender=Any)
    def log_any(sender, instance, **kwargs):
        pass
"""
VIEWS = """
    from django.http import HttpResponse
    from shop.models import *

    def view_meant(request):
        Product.objects.create()
        left = Left.objects.create()
        Right.objects.create(left=left)
        left.save()
        Any.objects.create()
        return HttpResponse()

    def view_other(request):
        Supplier.objects.create()
        return HttpResponse()
"""


def test_an_update_in_the_receiver_of_another_model_is_a_hint(project: Project) -> None:
    project.write(models=MODELS, receivers=RECEIVERS, views=VIEWS)
    project.run("get('/view_meant/')")
    assert found_there(project, "bulk-operation") == []
    project.run("get('/view_other/')")
    assert found_there(project, "bulk-operation") == [
        "1 row of `Product` was written without `post_save`: `update()` at receivers.py:12 (1 call). `forget_price` "
        "(receivers.py:6) is connected for `Product` and was not called."
    ]
