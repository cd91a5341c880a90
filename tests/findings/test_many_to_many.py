"""Many-to-many rows that are read before they are there (R232), and what a receiver does with its ``instance``."""

from __future__ import annotations

import json

from tests.support.projects import Project

RULE = "many-to-many-read-early"
MODELS = """
    from django.db import models

    class Topping(models.Model):
        name = models.TextField()

    class Pizza(models.Model):
        toppings = models.ManyToManyField(Topping)
        cooks = models.ManyToManyField("Cook", through="Cooking", related_name="pizzas")

    class Cook(models.Model):
        pass

    class Cooking(models.Model):
        pizza = models.ForeignKey(Pizza, models.CASCADE)
        cook = models.ForeignKey(Cook, models.CASCADE)

    class Plain(models.Model):
        toppings = models.ManyToManyField(Topping)

    class Order(models.Model):
        pass

    class Line(models.Model):
        order = models.ForeignKey(Order, models.CASCADE, related_name="lines")

    class Bill(models.Model):
        pass

    class Item(models.Model):
        bill = models.ForeignKey(Bill, models.CASCADE, related_name="items")
"""
RECEIVERS = """
    from django.db.models.signals import post_save
    from django.dispatch import receiver
    from shop.models import *

    @receiver(post_save, sender=Pizza)
    def describe(sender, instance, **kwargs):
        instance.text = ", ".join(each.name for each in instance.toppings.all())

    @receiver(post_save, sender=Pizza)
    def count_toppings(sender, **kwargs):
        pizza = kwargs["instance"]
        pizza.number = pizza.toppings.count()

    @receiver(post_save, sender=Order)
    def add_up(sender, instance, **kwargs):
        return instance.lines.count()

    @receiver(post_save, sender=Bill)
    @receiver(post_save, sender=Item)
    def add_up_items(sender, instance, **kwargs):
        return (instance.bill if sender is Item else instance).items.count()

    class Index:
        def add(self, sender, instance, **kwargs):
            self.names = list(instance.cooks.values_list("pk"))

    index = Index()
    post_save.connect(index.add, sender=Pizza)

    @receiver(post_save, sender=Cook)
    def teach(sender, instance, **kwargs):
        return instance.pizzas.exists()

    @receiver(post_save, sender=Plain)
    def add_default(sender, instance, created, **kwargs):
        if created:
            instance.toppings.add(Topping.objects.first())

    @receiver(post_save, sender=Plain)
    def describe_plain(sender, instance, **kwargs):
        return [each.name for each in instance.toppings.all()]
"""
VIEWS = """
    from django.forms import modelform_factory
    from django.http import HttpResponse
    from shop.models import *

    def view_form(request):
        modelform_factory(Pizza, fields=["toppings"])({"toppings": [1, 2]}).save()
        return HttpResponse()

    def view_through(request):
        cook = Cook.objects.create()
        Cooking.objects.create(cook=cook, pizza=Pizza.objects.first())
        return HttpResponse()

    def view_lines(request):
        order = Order.objects.create()
        Line.objects.bulk_create([Line(order=order), Line(order=order)])
        return HttpResponse()

    def view_items(request):
        Item.objects.create(bill=Bill.objects.create())
        return HttpResponse()

    def view_moved(request):
        line = Line.objects.first()
        Order.objects.create()
        line.save()
        return HttpResponse()

    def view_existing(request):
        pizza = Pizza.objects.first()
        pizza.save()
        pizza.toppings.set([1])
        return HttpResponse()

    def view_none(request):
        Pizza.objects.create()
        return HttpResponse()

    def view_plain(request):
        Plain.objects.create()
        return HttpResponse()
"""
START = """
    from shop.models import *
    Topping.objects.create(name="Ham"), Topping.objects.create(name="Egg"), Pizza.objects.create()
"""
FIND = """
import json
import django
django.setup()
from signal_monitor.findings.engine import find
from signal_monitor.stores import get_store
print("FOUND", json.dumps([[row.name, row.message] for row in find(get_store())]))
"""


def found_there(project: Project, rule: str) -> list[str]:
    """The messages of what a rule has found, as a process of the project finds it, in order."""
    rows: list[list[str]] = json.loads(project.command("-c", FIND).rpartition("FOUND ")[2])
    return sorted(message for name, message in rows if name == rule)


def test_rows_that_are_read_before_they_are_there_are_found(project: Project) -> None:
    project.write(models=MODELS, receivers=RECEIVERS, views=VIEWS)
    project.run(f"{START}\n    get('/view_none/'), get('/view_existing/'), get('/view_plain/')")
    assert found_there(project, RULE) == []
    project.run("get('/view_lines/')")
    (message,) = found_there(project, RULE)
    assert message == (
        "`add_up` (receivers.py:15) read `Order.lines` before the rows were there: it was called for 1 new `Order`, "
        "and 2 rows of `Order.lines` were written afterwards in `GET /view_lines/`."
    )
    project.forget()
    project.run("get('/view_items/'), get('/view_moved/')")
    assert found_there(project, RULE) == []
    project.run("get('/view_form/'), get('/view_through/')")
    assert found_there(project, RULE) == [
        "`count_toppings` (receivers.py:10) read `Pizza.toppings` before the rows were there: it was called for 1 new "
        "`Pizza`, and 2 rows of `Pizza.toppings` were written afterwards in `GET /view_form/`.",
        "`describe` (receivers.py:6) read `Pizza.toppings` before the rows were there: it was called for 1 new "
        "`Pizza`, and 2 rows of `Pizza.toppings` were written afterwards in `GET /view_form/`.",
        "`teach` (receivers.py:31) read `Cook.pizzas` before the rows were there: it was called for 1 new `Cook`, and "
        "1 row of `Cook.pizzas` was written afterwards in `GET /view_through/`.",
    ]
