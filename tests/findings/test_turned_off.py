"""R237: a view disconnects a receiver, and so turns it off for all requests of the process."""

from __future__ import annotations

import json

from tests.findings.test_variants import ALL
from tests.support.projects import Project

MODELS = """
    from django.db import models

    class Order(models.Model):
        pass
"""
RECEIVERS = """
    from django.db.models.signals import post_delete, post_save, pre_save
    from django.dispatch import receiver
    from shop.models import Order

    @receiver(post_save, sender=Order)
    def send_bill(sender, **kwargs): ...

    @receiver(pre_save, sender=Order)
    def number(sender, **kwargs): ...

    @receiver(post_delete, sender=Order)
    def forget(sender, **kwargs): ...
"""
VIEWS = """
    from django.db.models.signals import post_delete, post_save, pre_save
    from django.http import HttpResponse
    from shop import receivers
    from shop.models import Order

    def view_import(request):
        post_save.disconnect(receivers.send_bill, sender=Order)
        try:
            Order.objects.create()
        finally:
            post_save.connect(receivers.send_bill, sender=Order)
        return HttpResponse()

    async def view_forever(request):
        pre_save.disconnect(receivers.number, sender=Order)
        return HttpResponse()

    def view_own(request):
        def listen(sender, **kwargs): ...
        post_save.connect(listen, sender=Order)
        Order.objects.create()
        post_save.disconnect(listen, sender=Order)
        return HttpResponse()
"""
ACT = """
    from shop import receivers, views
    from shop.models import Order
    from django.db.models.signals import post_delete
    for name in ("import", "forever", "own") * 3:
        get(f"/view_{name}/")
    post_delete.disconnect(receivers.forget, sender=Order)  # as a command does
    Order.objects.create()
"""


def test_a_disconnect_in_a_request_is_told_and_one_of_a_command_is_not(project: Project) -> None:
    project.write(models=MODELS, receivers=RECEIVERS, views=VIEWS).run(ACT)
    found = json.loads(project.command("-c", ALL).rpartition("FOUND ")[2])
    assert sorted(message for code, message in found if code == "R237") == [
        "`disconnect()` at views.py:16 turns `number` (receivers.py:9) off for the whole process (1 time): until it is "
        "connected again, `pre_save` does not call it for other requests either. It is not connected any more.",
        "`disconnect()` at views.py:8 turns `send_bill` (receivers.py:6) off for the whole process (3 times): until it "
        "is connected again, `post_save` does not call it for other requests either.",
    ]
    assert {code for code, _message in found} == {"R237"}
