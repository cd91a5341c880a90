"""The code of a small shop, with receivers that are slow, that fail, and that run when orders are saved."""

from __future__ import annotations

MODELS = """
    from django.db import models

    class Tag(models.Model):
        name = models.CharField(max_length=9)

    class Order(models.Model):
        name = models.CharField(max_length=9)
        tags = models.ManyToManyField(Tag, related_name="orders")

    class RushOrder(Order):
        pass
"""
SIGNALS = """
    from django.dispatch import Signal
    paid = Signal()
"""
RECEIVERS = """
    import time
    from django.db.models.signals import m2m_changed, post_save, pre_delete, pre_save
    from django.dispatch import receiver
    from shop.models import Order, RushOrder
    from shop.signals import paid

    @receiver(post_save, sender=Order)
    def send_mail(sender, **kwargs):
        pass

    @receiver(post_save)
    def audit_everything(sender, **kwargs):
        pass

    @receiver(pre_save, sender=Order, dispatch_uid="number")
    def number_order(sender, **kwargs):
        Order.objects.count()
        Order.objects.count()

    @receiver(pre_delete, sender=Order)
    def keep_copy(sender, **kwargs):
        pass

    @receiver(m2m_changed, sender=Order.tags.through)
    def count_tags(sender, **kwargs):
        pass

    @receiver(paid)
    def render_receipt(sender, seconds=0.2, **kwargs):
        time.sleep(seconds)

    @receiver(paid)
    def post_to_ledger(sender, **kwargs):
        raise KeyError("ledger")
"""
VIEWS = """
    from django.http import HttpResponse
    from shop.models import Order
    from shop.signals import paid

    def view_pay(request):
        Order.objects.create(name="tea")
        paid.send_robust(sender=Order)
        return HttpResponse("paid")
"""
ACT = """
    for _ in range(3):
        get("/view_pay/")
"""
