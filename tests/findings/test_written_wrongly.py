"""What the source of a receiver says that cannot be meant (W118 to W122), each with what looks alike."""

from __future__ import annotations

import json

import django
import pytest

from tests.findings.test_variants import ALL
from tests.support.projects import Project

MODELS = """
    from django.db import models

    class Topping(models.Model):
        pass

    class Pizza(models.Model):
        name = models.TextField(default="")
        slug = models.TextField(default="")
        photo = models.FileField(default="")
        toppings = models.ManyToManyField(Topping)

    class Order(models.Model):
        pass

    class Named(models.Model):
        name = models.TextField(default="")

        class Meta:
            abstract = True

    class Line(models.Model):
        order = models.ForeignKey(Order, getattr(models, "DB_CASCADE", models.CASCADE))

    class Note(models.Model):
        order = models.ForeignKey(Order, models.CASCADE)
"""
RECEIVERS = """
    from django.contrib.auth.models import User
    from django.contrib.auth.signals import user_logged_in, user_login_failed
    from django.core.signals import got_request_exception
    from django.db.models.signals import m2m_changed, post_delete, post_migrate, post_save, pre_delete, pre_save
    from django.dispatch import Signal, receiver
    from shop.models import *

    paid = Signal()

    # W118
    @receiver(pre_save, sender=Pizza)
    def bad_required(sender, instance, created, **kwargs): ...

    @receiver(got_request_exception)
    def bad_exception(sender, exception, **kwargs): ...

    @receiver(user_login_failed)
    def bad_user(sender, *, user, **kwargs): ...

    @receiver(pre_save, sender=Pizza)
    def bad_key(sender, **kwargs):
        print(kwargs["instance"], kwargs["request"])

    class Keeper:
        def bad_method(self, sender, using, request, **kwargs): ...
        def good_method(self, sender, using, **kwargs): ...
    keeper = Keeper()
    post_save.connect(keeper.bad_method, sender=Order)
    post_save.connect(keeper.good_method, sender=Order)

    @receiver([pre_save, post_save], sender=Order)
    def good_both(sender, created=None, **kwargs):
        if created:
            print("new")

    @receiver([pre_save, post_save], sender=Order)
    def good_key(sender, signal, **kwargs):
        if signal is post_save:
            print(kwargs["created"])

    @receiver(pre_save, sender=Order)
    def good_guarded(sender, **kwargs):
        if "request" in kwargs:
            print(kwargs["request"])

    @receiver(paid)
    def good_own(sender, order, **kwargs):
        print(kwargs["price"])

    @receiver(user_logged_in)
    def good_login(sender, request, user, signal, **kwargs): ...

    @receiver(post_migrate)
    def good_migrate(sender, app_config, using, plan, apps, verbosity, interactive, **kwargs): ...

    # W119
    @receiver(post_delete, sender=Pizza)
    def bad_file(sender, instance, **kwargs):
        if instance.photo:
            instance.photo.delete()

    @receiver(post_delete, sender=Order)
    def bad_save(sender, instance, **kwargs):
        instance.save()

    @receiver(post_delete, sender=Pizza)
    def good_file(sender, instance, **kwargs):
        instance.photo.delete(save=False)
        instance.photo.delete(False)

    @receiver(pre_delete, sender=Pizza)
    def good_before(sender, instance, **kwargs):
        instance.photo.delete()

    @receiver(post_delete, sender=Pizza)
    def good_copy(sender, instance, **kwargs):
        instance.save(using="archive")

    @receiver(post_delete, sender=Order)
    def good_new_row(sender, instance, **kwargs):
        instance.pk = None
        instance.save()

    # W120
    @receiver(post_save, sender=Pizza)
    def bad_slug(sender, instance, **kwargs):
        instance.slug = instance.name.lower()

    @receiver(post_save, sender=Pizza)
    def good_saved(sender, instance, created, **kwargs):
        if created:
            instance.slug = instance.name.lower()
            instance.save()

    @receiver(post_save, sender=Pizza)
    def good_updated(sender, instance, **kwargs):
        instance.slug = "x"
        Pizza.objects.filter(pk=instance.pk).update(slug=instance.slug)

    @receiver(post_save, sender=Pizza)
    def good_attribute(sender, instance, **kwargs):
        instance.old_name = instance.name

    @receiver(post_save, sender=Pizza)
    def good_handed(sender, instance, **kwargs):
        instance.slug = "x"
        store(instance)

    @receiver(post_save, sender=Pizza)
    def good_kept(sender, instance, **kwargs):
        instance.slug = "x"
        kept[instance.pk] = instance

    @receiver(pre_save, sender=Pizza)
    def good_in_time(sender, instance, **kwargs):
        instance.slug = instance.name.lower()

    kept, store = {}, print

    # of an abstract model, which has no primary key
    @receiver(post_save, sender=Named)
    @receiver(post_delete, sender=Named)
    def never(sender, instance, **kwargs):
        if not instance.pk:
            print("new")

    # W121
    @receiver(post_delete, sender=Line)
    def bad_cascade(sender, **kwargs): ...

    @receiver(post_delete, sender=Note)
    def good_cascade(sender, **kwargs): ...

    @receiver(post_save, sender=Line)
    def good_line(sender, **kwargs): ...

    # W122
    @receiver(post_save)
    def bad_isinstance(sender, **kwargs):
        if isinstance(sender, Order):
            print("order")

    @receiver(post_save)
    def bad_text(sender, **kwargs):
        if sender in ("Order", "Pizza"):
            print("order")

    @receiver(m2m_changed, sender=Pizza.toppings.through)
    def bad_action(sender, action, **kwargs):
        if action == "post-add":
            print("added")

    @receiver(m2m_changed, sender=Pizza.toppings.through)
    def bad_not(sender, action, pk_set, **kwargs):
        if action not in {"post_add", "post_delete"} or pk_set == [1]:
            return

    @receiver(post_save, sender=Pizza)
    def bad_fields(sender, update_fields, **kwargs):
        if update_fields == ["name"]:
            print("name")

    @receiver(post_save, sender=Pizza)
    def bad_new(sender, instance, **kwargs):
        if not instance.pk or instance._state.adding:
            print("new")

    @receiver(pre_save, sender=Pizza)
    def bad_created(sender, instance, created=False, **kwargs):
        if created:
            print("new")

    @receiver(pre_save, sender=Pizza)
    def bad_get(sender, instance, **kwargs):
        if kwargs.get("created"):
            print("new")

    @receiver(post_save)
    def good_sender(sender, **kwargs):
        if isinstance(sender, type) and issubclass(sender, Order) or sender.__name__ == "Order" or sender == User:
            print("order")

    @receiver(paid)
    def good_instance(sender, **kwargs):
        if isinstance(sender, Order) or sender == "shop":
            print("own signals have any sender")

    @receiver(m2m_changed, sender=Pizza.toppings.through)
    def good_actions(sender, action, pk_set, **kwargs):
        if action in ("post_add", "post_remove") or action.startswith("post_") or pk_set == {1}:
            print("changed")

    @receiver(post_save, sender=Pizza)
    def good_fields(sender, update_fields, **kwargs):
        if update_fields == {"name"} or list(update_fields or ()) == ["name"]:
            print("name")

    @receiver(pre_save, sender=Pizza)
    def good_new(sender, instance, **kwargs):
        if not instance.pk or instance._state.adding or instance.id is None:
            print("new")

    @receiver(post_save, sender=Pizza)
    def good_key_there(sender, instance, **kwargs):
        if instance.pk and not instance._state.adding and not instance.name:
            print("there")

    @receiver([pre_save, post_save], sender=Pizza)
    def good_new_both(sender, instance, created=False, **kwargs):
        if created or not instance.pk:
            print("new")
"""
GUILTY = {
    ("W118", "bad_required"),
    ("W118", "bad_exception"),
    ("W118", "bad_user"),
    ("W118", "bad_key"),
    ("W118", "Keeper.bad_method"),
    ("W119", "bad_file"),
    ("W119", "bad_save"),
    ("W120", "bad_slug"),
    ("W103", "never"),
    ("W122", "bad_isinstance"),
    ("W122", "bad_text"),
    ("W122", "bad_action"),
    ("W122", "bad_not"),
    ("W122", "bad_fields"),
    ("W122", "bad_new"),
    ("W122", "bad_created"),
    ("W122", "bad_get"),
}
WORDS = (
    "`bad_required` (receivers.py:12) raises `TypeError` whenever `pre_save` is sent: it requires `created`, and "
    "Django sends `instance`, `raw`, `update_fields` and `using`.",
    '`bad_key` (receivers.py:21) raises `KeyError` whenever `pre_save` is sent: it requires `kwargs["request"]`, and '
    "Django sends `instance`, `raw`, `update_fields` and `using`.",
    "`bad_file` (receivers.py:58) brings deleted rows of `Pizza` back: `instance.photo.delete()` at receivers.py:61 "
    "also saves the instance, which inserts the row again.",
    "`bad_slug` (receivers.py:86) sets `Pizza.slug` at receivers.py:88 and does not save it: when `post_save` is sent, "
    "the row is already written.",
    "`bad_not` (receivers.py:154) asks for `action not in {'post_add', 'post_delete'}` at receivers.py:156, of which "
    "one part says nothing: no action is 'post_delete'. There are `pre_add`, `post_add`, `pre_remove`, `post_remove`, "
    "`pre_clear` and `post_clear`.",
    "Ask for `sender.__name__ in ('Order', 'Pizza')` in its place.",
    "Ask for `action == 'post_add'` in its place.",
    "Ask for `update_fields == {'name'}` in its place.",
    "Ask for `instance._state.adding`; or use `post_save`, which is sent with `created`.",
)


@pytest.fixture
def shop(project: Project) -> Project:
    return project.write(models=MODELS, receivers=RECEIVERS)


def test_what_cannot_be_meant_is_found_and_what_looks_alike_is_not(shop: Project) -> None:
    shop.run("from shop.models import *\nfrom shop.receivers import paid\npaid.send(None, order=1, price=1)")
    found = json.loads(shop.command("-c", ALL).rpartition("FOUND ")[2])
    guilty = GUILTY | ({("W121", "bad_cascade")} if django.VERSION >= (6, 1) else set())
    assert {(code, message.split("`")[1]) for code, message in found} == guilty
    told = shop.command("-m", "django", "signals", "doctor", "--fail-level", "never")
    assert [text for text in WORDS if text not in told] == []


def test_a_deleted_row_is_back_indeed(shop: Project) -> None:
    shop.write(
        receivers="""
        from django.db.models.signals import post_delete, pre_save
        from django.dispatch import receiver
        from shop.models import *

        @receiver(post_delete, sender=Pizza)
        def remove_photo(sender, instance, **kwargs):
            instance.photo.delete()

        @receiver(pre_save, sender=Order)
        def number(sender, instance, created, **kwargs): ...
    """
    )
    shop.run("""
        from shop.models import *
        pizza = Pizza.objects.create(photo="a.txt")
        pizza.delete()
        assert Pizza.objects.count() == 1
        try:
            Order.objects.create()
        except TypeError:
            pass
        else:
            raise AssertionError
    """)
    found = json.loads(shop.command("-c", ALL).rpartition("FOUND ")[2])
    assert sorted(code for code, _message in found) == ["W118", "W119"]  # and not R214 for the same
