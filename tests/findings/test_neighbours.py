"""Variants of the mistakes that the rules were written for, each with its look-alike; few processes for all of them."""

from __future__ import annotations

import ast
import json
import textwrap
from pathlib import Path

import pytest

from signal_monitor.findings.unrun import unused_methods
from tests.support.projects import Project

MODELS = """
    from django.db import models

    class Product(models.Model):
        price = models.IntegerField(default=0)

    class Other(models.Model):
        pass

    class Topping(models.Model):
        pass

    class Pizza(models.Model):
        toppings = models.ManyToManyField(Topping)

    class Salad(models.Model):
        toppings = models.ManyToManyField(Topping)

    class Order(models.Model):
        toppings = models.ManyToManyField(Topping)

    class Line(models.Model):
        order = models.ForeignKey(Order, models.CASCADE, related_name="lines")

    class Note(models.Model):
        order = models.ForeignKey(Order, models.SET_NULL, null=True, related_name="notes")

    class Log(models.Model):
        text = models.TextField(default="")

    class Profile(models.Model):
        product = models.OneToOneField(Product, models.CASCADE)
"""
STATIC = """
    from functools import wraps
    from django.db import transaction
    from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
    from django.dispatch import receiver
    from shop.models import *

    class Handlers:
        @receiver(post_save, sender=Product)
        def bad_method(self, sender, **kwargs): ...

        @staticmethod
        @receiver(post_save, sender=Product)
        def good_static(sender, **kwargs): ...

        def good_bound(self, sender, **kwargs): ...

    handlers = Handlers()
    post_save.connect(handlers.good_bound, sender=Product)

    def skip_raw(function):
        @wraps(function)
        def inner(*args, **kwargs):
            return function(*args, **kwargs)
        return inner

    def registered(function):
        return function

    @skip_raw
    @receiver(post_save, sender=Other)
    def bad_order(sender, **kwargs): ...

    @registered
    @receiver(post_save, sender=Other)
    def good_registered(sender, **kwargs): ...

    @receiver(post_save, sender=Other)
    @skip_raw
    def good_order(sender, **kwargs): ...

    for model in (Product, Other):
        def bad_loop(sender, **kwargs):
            print(model)
        post_save.connect(bad_loop, sender=model, weak=False)

    for each in (Product, Other):
        def good_loop(sender, each=each, **kwargs):
            print(each)
        post_save.connect(good_loop, sender=each, weak=False)

    @receiver(post_save, sender=Order)
    def bad_commit(sender, instance, **kwargs):
        for line in instance.lines.all():
            transaction.on_commit(lambda: print(line.pk))

    @receiver(post_save, sender=Order)
    def good_commit(sender, instance, **kwargs):
        for line in instance.lines.all():
            transaction.on_commit(lambda line=line: print(line.pk))
            if line.pk:
                transaction.on_commit(lambda: print(instance.pk))

    @receiver(post_delete, sender=Order)
    def bad_lines(sender, instance, **kwargs):
        print(instance.lines.count(), instance.notes.all(), list(instance.toppings.all()))

    @receiver(pre_delete, sender=Order)
    def good_lines(sender, instance, **kwargs):
        print(instance.lines.count())

    @receiver(post_delete, sender=Line)
    def good_parent(sender, instance, **kwargs):
        print(instance.order_id, instance.order)

    @receiver(pre_save, sender=Product)
    def bad_veto(sender, instance, **kwargs):
        if instance.price < 0:
            return False

    @receiver(pre_save, sender=Product)
    def good_return(sender, instance, **kwargs):
        if any(map(lambda value: False, [])):
            return

    post_save.connect(lambda sender, **kwargs: print("bad_lambda"), sender=Product)
    good_lambda = lambda sender, **kwargs: print("good")
    post_save.connect(good_lambda, sender=Product)
"""
HERE = """
import json, django
django.setup()
from signal_monitor.findings.static import findings_here
print("FOUND", json.dumps(sorted([each.code, each.message] for each in findings_here())))
"""
GUILTY = [
    ["W106", "`<lambda>:86:43` (receivers.py:86) will not run in production"],
    ["W113", "`Handlers.bad_method` (receivers.py:9) fails whenever `post_save` calls it"],
    ["W114", "`bad_order` (receivers.py:30) runs without `@skip_raw`, which stands above `@receiver`."],
    [
        "W115",
        "`bad_commit` (receivers.py:52) gives `on_commit()` a function that reads `line`, the variable of the loop",
    ],
    ["W115", "`bad_loop` (receivers.py:43) reads `model` when it runs: the loop at receivers.py:42 has connected it 2"],
    [
        "W116",
        "`bad_lines` (receivers.py:64) reads `Order.lines` and finds nothing: when `post_delete` is sent, the rows",
    ],
    [
        "W116",
        "`bad_lines` (receivers.py:64) reads `Order.notes` and finds nothing: when `post_delete` is sent, the rows",
    ],
    ["W116", "`bad_lines` (receivers.py:64) reads `Order.toppings` and finds nothing: when `post_delete` is sent, its"],
    ["W117", "`bad_veto` (receivers.py:76) returns `False` at receivers.py:79, and the row is saved all the same"],
]


def test_what_is_connected_wrongly_and_what_looks_alike(project: Project) -> None:
    project.write(models=MODELS, receivers=STATIC)
    assert_found(project.command("-c", HERE), GUILTY)


def assert_found(printed: str, wanted: list[list[str]]) -> None:
    """Compare the codes and the beginnings of the messages."""
    found: list[list[str]] = json.loads(printed.rpartition("FOUND ")[2])
    assert [code for code, _ in found] == [code for code, _ in wanted], found
    assert [[code, message[: len(start)]] for (code, message), (_, start) in zip(found, wanted, strict=True)] == wanted


SIGNALS = """
    from django.dispatch import Signal
    mailed, may_delete, ok, paid = Signal(), Signal(), Signal(), Signal()
"""
RUNNING = """
    import threading
    from django.db import transaction
    from django.db.models.signals import m2m_changed, post_migrate, post_save
    from django.dispatch import receiver
    from shop.models import *
    from shop.signals import mailed, may_delete, ok, paid

    @receiver(m2m_changed, sender=Pizza.toppings.through)
    def bad_action(sender, **kwargs):
        Log.objects.create()

    @receiver(m2m_changed, sender=Salad.toppings.through)
    def good_action(sender, action, **kwargs):
        if action == "post_add":
            Log.objects.create()

    @receiver(post_save, sender=Product)
    def bad_created(sender, instance, **kwargs):
        Profile.objects.create(product=instance)

    @receiver(post_save, sender=Order)
    def bad_thread(sender, instance, **kwargs):
        threading.Thread(target=print).start()

    @receiver(post_save, sender=Order)
    def good_thread(sender, instance, **kwargs):
        transaction.on_commit(lambda: threading.Thread(target=print).start())

    @receiver(post_migrate)
    def bad_rows(sender, **kwargs):
        Log.objects.create()

    @receiver(post_migrate)
    def good_rows(sender, **kwargs):
        Other.objects.get_or_create(pk=1)

    @receiver(may_delete)
    @receiver(ok)
    def refuse(sender, **kwargs):
        return False

    @receiver(paid)
    def bad_never(sender, **kwargs): ...

    @receiver(mailed)
    def good_answer(sender, **kwargs):
        raise ValueError("looked at")
"""
VIEWS = """
    import sys
    from pathlib import Path
    from django.db import transaction
    from django.dispatch import Signal
    from django.http import HttpResponse
    from shop.models import *
    from shop.signals import may_delete, ok

    paid = Signal()
    sys.path.append(str(Path(__file__).parents[1] / "site-packages"))
    from mailer import Mailer

    def view_library(request):
        if not Mailer.send():
            return HttpResponse()
        Mailer.send_robust()
        return HttpResponse()

    def view_all(request):
        pizza, salad, topping = Pizza.objects.create(), Salad.objects.create(), Topping.objects.create()
        pizza.toppings.add(topping)
        salad.toppings.add(topping)
        with transaction.atomic():
            Order.objects.create()
        if may_delete.send(None):
            pass
        if any(response for receiver, response in ok.send(None)):
            pass
        paid.send(None)
        return HttpResponse()

    def view_again(request):
        Product.objects.create().save()
        return HttpResponse()
"""
LIBRARY = """
    from shop.signals import mailed

    class Mailer:
        def send():
            return [response for receiver, response in mailed.send_robust(None)]
        send = send_robust = staticmethod(send)
"""
FIND = """
import json, django
django.setup()
from signal_monitor.findings.engine import find
from signal_monitor.stores import get_store
print("FOUND", json.dumps(sorted([each.code, each.message] for each in find(get_store()))))
"""
RUN = [
    ["R210", "`bad_rows` (receivers.py:30) ran 4 times in one `run.py`, once for each app, and took "],
    ["R224", "`bad_thread` (receivers.py:22) started a thread before the commit in 1 call"],
    [
        "R226",
        "`bad_created` (receivers.py:18) raised `IntegrityError: UNIQUE constraint failed: shop_profile.product_id`",
    ],
    [
        "R234",
        "`bad_action` (receivers.py:9) made 2 writes in 2 calls of one request or process, some of them before the",
    ],
    ["R235", "`bad_never` (receivers.py:43) never runs: it is connected to `shop.signals.paid`, which nothing sends. "],
    ["R236", "views.py:26 takes the responses of `may_delete.send()` for a single one: they are a list of 1 pair"],
]


def test_what_runs_wrongly_and_what_looks_alike(project: Project) -> None:
    project.write(models=MODELS, signals=SIGNALS, receivers=RUNNING, views=VIEWS)
    (project.root / "site-packages").mkdir()
    (project.root / "site-packages" / "mailer.py").write_text(textwrap.dedent(LIBRARY), encoding="utf-8")
    project.run("call_command('migrate', verbosity=0); get('/view_all/'); get('/view_again/'); get('/view_library/')")
    assert_found(project.command("-c", FIND), RUN)


def test_a_module_that_only_an_unused_appconfig_imports_is_found(project: Project) -> None:
    two = "class BaseConfig(AppConfig):\n    name = 'shop'\nclass ShopConfig(BaseConfig):"
    receivers = "from django.core.signals import request_started\nrequest_started.connect(print)\n"
    project.write(receivers=receivers)
    apps = (project.root / "shop" / "apps.py").read_text("utf-8")
    project.write(apps=apps.replace("class ShopConfig(AppConfig):", two))
    printed = project.command("-c", HERE.replace("django.setup()", "django.setup()\nimport shop.urls"))
    ((code, message),) = json.loads(printed.rpartition("FOUND ")[2])
    assert code == "W111"
    assert message.endswith(
        "`ShopConfig.ready()` would, and Django does not call it: it uses `AppConfig` for `shop`, and calls `ready()`."
    )


@pytest.mark.parametrize(
    ("body", "unused"),
    [
        ("def ready(self): ...", ["SomeConfig.ready"]),  # a class that no app has
        ("def on_ready(self): ...", ["SomeConfig.on_ready"]),
        ("name = 'shop'", []),
    ],
)
def test_methods_of_an_appconfig_that_nothing_calls(body: str, unused: list[str]) -> None:
    text = f"class SomeConfig(AppConfig):\n{textwrap.indent(body, '    ')}\n"
    assert [each.name for each in unused_methods(ast.parse(text), Path("/srv/shop/apps.py"))] == unused
