"""The mistakes as teams write them, each with its look-alike (``good_…``), in one process for all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from signal_monitor.findings.evidence import is_convincing
from signal_monitor.findings.rules.per_row import PerRow
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.records import Dispatch, ReceiverCall, ReceiverSum, Request
from signal_monitor.stores.base import Totals
from tests.support.projects import Project

MODELS = """
    from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
    from django.contrib.contenttypes.models import ContentType
    from django.db import models

    class Product(models.Model):
        name = models.TextField(default="")
        slug = models.TextField(default="")

    class Order(models.Model):
        pass

    class Letter(models.Model):
        pass

    class Card(models.Model):
        pass

    class Ticket(models.Model):
        pass

    class Deed(models.Model):
        pass

    class Topping(models.Model):
        pass

    class Pizza(models.Model):
        toppings = models.ManyToManyField(Topping)

        def described(self):
            return list(self.toppings.all())

    class Salad(models.Model):
        toppings = models.ManyToManyField(Topping)

    class Comment(models.Model):
        content_type = models.ForeignKey(ContentType, models.CASCADE)
        object_id = models.IntegerField()
        target = GenericForeignKey()

    class Post(models.Model):
        comments = GenericRelation(Comment)
"""
RECEIVERS = """
    import contextlib, functools, logging, threading
    from concurrent.futures import ThreadPoolExecutor
    from django.core.signals import request_finished
    from django.db import transaction
    from django.db.models.signals import m2m_changed, post_delete, post_migrate, post_save, pre_delete, pre_save
    from django.dispatch import Signal, receiver
    from shop.models import *

    logger = logging.getLogger(__name__)
    hiding = Signal()
    pool = ThreadPoolExecutor(1)

    @receiver(hiding)
    def bad_if(sender, created, **kwargs):
        if created:
            try:
                sender.subscribe()
            except Exception:
                pass

    @receiver(hiding)
    def bad_guard(sender, created=False, **kwargs):
        owner = sender.owner
        if not created:
            return
        try:
            owner.subscribe()
        except:
            return

    class Hiding:
        def bad_with(self, sender, **kwargs):
            with transaction.atomic():
                with contextlib.suppress(Exception):
                    sender.subscribe()

    kept = Hiding()
    hiding.connect(kept.bad_with)

    @receiver(hiding)
    def good_partly(sender, **kwargs):
        sender.subscribe()
        try:
            sender.greet()
        except Exception:
            pass

    @receiver(hiding)
    def good_if_it_works(sender, **kwargs):
        if sender.subscribe():
            try:
                sender.greet()
            except Exception:
                pass

    @receiver(hiding)
    def good_logged(sender, created, **kwargs):
        if created:
            try:
                sender.subscribe()
            except Exception:
                logger.exception("no")

    @receiver(hiding)
    def good_answer(sender, **kwargs):
        try:
            return sender.subscribe()
        except Exception:
            return False

    @receiver(m2m_changed, sender=Salad.toppings.through)
    def bad_more(sender, instance, action, **kwargs):
        if action == "post_add" and instance.toppings.count() < 6:
            instance.toppings.add(Topping.objects.create())

    @receiver(m2m_changed, sender=Salad.toppings.through)
    def good_once(sender, instance, action, **kwargs):
        if action == "post_remove":
            instance.toppings.add(Topping.objects.create())

    def quietly(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            return function(*args, **kwargs)
        return inner

    def bad_wrapped(sender, **kwargs): ...
    post_save.connect(quietly(bad_wrapped), sender=Deed)

    def bad_partial(tag, sender, **kwargs): ...
    post_save.connect(functools.partial(bad_partial, 1), sender=Deed)

    class BadObject:
        def __call__(self, sender, **kwargs): ...
    post_save.connect(BadObject(), sender=Deed)

    class GoodObject(BadObject): ...
    good_object = GoodObject()
    post_save.connect(good_object, sender=Deed)

    @receiver(post_save, sender=Deed)
    @quietly
    def good_wrapped(sender, **kwargs): ...

    class Temporary:
        def bad_method(self, sender, **kwargs): ...
    post_save.connect(Temporary().bad_method, sender=Topping)

    @receiver(post_migrate, sender="shop")
    def bad_app_label(sender, **kwargs): ...

    @receiver(request_finished, sender="shop")
    def bad_text(sender, **kwargs): ...

    @receiver(post_delete, sender=Post)
    def bad_comments(sender, instance, **kwargs):
        print(list(instance.comments.all()))

    @receiver(pre_delete, sender=Post)
    def good_comments(sender, instance, **kwargs):
        print(list(instance.comments.all()))

    @receiver(pre_save, sender=Product)
    def bad_after_guard(sender, instance, raw, **kwargs):
        if raw or not instance.name:
            return
        instance.slug = instance.name.lower()

    @receiver(pre_save)
    def bad_for_all(sender, instance, **kwargs):
        if isinstance(instance, Product):
            instance.slug = instance.name.lower()

    @receiver(pre_save, sender=Product)
    def good_if_unset(sender, instance, **kwargs):
        if not instance.slug:
            instance.slug = instance.name.lower()

    @receiver(pre_save)
    def good_for_deeds(sender, instance, **kwargs):
        if sender is Deed:
            instance.slug = instance.name.lower()

    @receiver(post_save, sender=Pizza)
    def bad_method_of_model(sender, instance, **kwargs):
        instance.described()

    @receiver(post_save, sender=Pizza)
    def bad_helper(sender, instance, **kwargs):
        toppings_of(instance)

    @receiver(post_save, sender=Pizza)
    def good_pizza(sender, instance, **kwargs):
        print(instance.pk, Topping.objects.count())

    def toppings_of(pizza):
        return list(pizza.toppings.all())

    def work(pk): ...

    class Worker(threading.Thread): ...

    def start(function, *args):
        threading.Thread(target=function, args=args).start()

    @receiver(post_save, sender=Ticket)
    def bad_timer(sender, instance, **kwargs):
        threading.Timer(0.01, work, [instance.pk]).start()

    @receiver(post_save, sender=Ticket)
    def bad_pool(sender, instance, **kwargs):
        pool.submit(work, instance.pk)

    @receiver(post_save, sender=Ticket)
    def bad_class(sender, instance, **kwargs):
        Worker().start()

    @receiver(post_save, sender=Ticket)
    def bad_started(sender, instance, **kwargs):
        start(work, instance.pk)

    @receiver(post_save, sender=Ticket)
    def good_commit(sender, instance, **kwargs):
        transaction.on_commit(functools.partial(start, work, instance.pk))

    @receiver(post_save, sender=Order)
    def bad_endless(sender, instance, **kwargs):
        sender.objects.get(pk=instance.pk).save()

    @receiver(post_save, sender=Letter)
    def bad_there(sender, instance, **kwargs):
        Card.objects.get_or_create(pk=1)[0].save()

    @receiver(post_save, sender=Card)
    def bad_back(sender, instance, **kwargs):
        Letter.objects.get().save()

    @receiver(post_save, sender=Comment)
    def bad_other_commit(sender, instance, **kwargs):
        transaction.on_commit(lambda: None)

    @receiver(post_save, sender=Comment)
    def good_other_commit(sender, instance, using, **kwargs):
        transaction.on_commit(lambda: None, using=using)
"""
VIEWS = """
    from django.contrib.contenttypes.models import ContentType
    from django.db import transaction
    from django.http import HttpResponse
    from shop.models import *

    def view_update(request):
        product = Product.objects.create()
        product.name = "Chair"
        product.save(update_fields=["name"])
        return HttpResponse()

    def view_pizza(request):
        Pizza.objects.create().toppings.set([Topping.objects.create()])
        return HttpResponse()

    def view_ticket(request):
        with transaction.atomic():
            Ticket.objects.create()
        return HttpResponse()

    def view_endless(request):
        Order.objects.create()

    def view_circle(request):
        Letter.objects.create()

    def view_more(request):
        Salad.objects.create().toppings.add(Topping.objects.create())
        return HttpResponse()

    def view_archive(request):
        kind = ContentType.objects.get_for_model(Order)
        with transaction.atomic("archive"):
            Comment.objects.using("archive").create(content_type_id=kind.pk, object_id=1)
        return HttpResponse()
"""
ARCHIVE = """
DATABASES["archive"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": "archive.sqlite3"}
"""
ACT = """
    call_command("migrate", database="archive", run_syncdb=True, verbosity=0)
    for name in ("update", "pizza", "ticket", "endless", "circle", "more", "archive"):
        get(f"/view_{name}/")
"""
ALL = """
import json, django
django.setup()
from signal_monitor.findings.engine import find
from signal_monitor.stores import get_store
print("FOUND", json.dumps([[each.code, each.message] for each in find(get_store())]))
"""
GUILTY = [
    ("W103", "bad_app_label"),
    ("W103", "bad_text"),
    ("W106", "bad_wrapped"),
    ("W106", "partial(bad_partial, tag=1)"),
    ("W106", "BadObject"),
    ("W108", "bad_if"),
    ("W108", "bad_guard"),
    ("W108", "Hiding.bad_with"),
    ("W116", "bad_comments"),
    ("R206", "bad_endless"),
    ("R206", "bad_there"),
    ("R206", "bad_more"),
    ("R219", "Temporary.bad_method"),
    ("R224", "bad_timer"),
    ("R224", "bad_pool"),
    ("R224", "bad_class"),
    ("R224", "bad_started"),
    ("R228", "bad_after_guard"),
    ("R228", "bad_for_all"),
    ("R229", "bad_other_commit"),
    ("R232", "bad_method_of_model"),
    ("R232", "bad_helper"),
]


def test_variants_are_found_and_their_look_alikes_are_not(project: Project) -> None:
    project.write(ARCHIVE, models=MODELS, receivers=RECEIVERS, views=VIEWS)
    project.run(ACT)
    found = json.loads(project.command("-c", ALL).rpartition("FOUND ")[2])
    told = {(code, message.split("`")[1]) for code, message in found}
    assert told == set(GUILTY)
    assert not [message for _code, message in found if "good_" in message or "GoodObject" in message]
    endless = [message for code, message in found if code == "R206"]
    assert sum("It ended in a `RecursionError`." in message for message in endless) == 2


@pytest.mark.parametrize(
    ("path", "share", "is_told"),
    [("/site/shop/receivers.py", 0.1, True), ("/lib/site-packages/history/models.py", 0.4, False),
     ("/lib/site-packages/search/signals.py", 0.9, True)],
)  # fmt: skip
def test_a_package_does_for_every_row_what_it_is_for(path: str, share: float, *, is_told: bool) -> None:
    second = 1_000_000_000
    row = ReceiverSum(receiver="receive", calls=150, total_ns=int(share * second), self_ns=int(share * second))
    request = Request("1", "POST", "/import/", 1.0, second, receivers=(row,))
    snapshot = Snapshot(requests=[request], receivers={"receive": Totals("receiver", "receive", path=path, line=1)})
    assert bool(list(PerRow().check(snapshot))) is is_told


TWO_OF_A_NAME = """
    from django.db.models.signals import post_save
    from django.dispatch import receiver
    from shop.models import *

    @receiver(post_save, sender=Pizza)
    def saved(sender, **kwargs): ...

    @receiver(post_save, sender=Salad)
    def saved(sender, **kwargs): ...

    @receiver(post_save, sender=Deed)
    def kept(sender, **kwargs): ...
    receivers = [kept]
    def kept(sender, **kwargs): ...
"""


@pytest.mark.parametrize(("debug", "code"), [(True, "W106"), (False, "R219")])
def test_the_first_of_two_functions_of_one_name_is_lost(tmp_path: Path, code: str, *, debug: bool) -> None:
    project = Project(tmp_path, debug=debug).write(models=MODELS, receivers=TWO_OF_A_NAME)
    project.run("from shop.models import *\nSalad.objects.create()\nPizza.objects.create()\nDeed.objects.create()")
    ((found, message),) = json.loads(project.command("-c", ALL).rpartition("FOUND ")[2])
    assert (found, message.partition(" ")[0]) == (code, "`saved`")
    assert "(receivers.py:6)" in message
    project.command("-m", "django", "signals", "doctor", "--fail-level", "never")


@pytest.mark.parametrize(("longest_ms", "is_told"), [(1, True), (38, False)])
def test_one_long_call_of_many_quick_ones_is_not_all_of_them(longest_ms: int, *, is_told: bool) -> None:
    row = ReceiverSum(receiver="receive", calls=150, total_ns=1, self_ns=42_000_000, longest_ns=longest_ms * 1_000_000)
    request = Request("1", "POST", "/import/", 1.0, 422_000_000, receivers=(row,))
    totals = Totals("receiver", "receive", path="/site/shop/receivers.py", line=1)
    snapshot = Snapshot(requests=[request], receivers={"receive": totals})
    assert bool(list(PerRow().check(snapshot))) is is_told


@pytest.mark.parametrize(
    ("count", "total_ns", "is_told"), [(300, 1_600_000_000, False), (300, 400_000_000, True), (20, 1_600_000_000, True)]
)
def test_a_few_slow_calls_of_many_say_nothing(count: int, total_ns: int, *, is_told: bool) -> None:
    call = ReceiverCall("receive", 0, duration_ns=120_000_000, severity="slow")
    totals = Totals("receiver", "receive", count=count, slow=2, self_ns=total_ns)
    dispatch = Dispatch("1", "1", "paid", "None", "send", 1.0, 250_000_000, calls=(call, call))
    snapshot = Snapshot(dispatches=[dispatch], receivers={"receive": totals})
    assert is_convincing(snapshot, [(dispatch, call), (dispatch, call)]) is is_told
