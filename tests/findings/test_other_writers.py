"""R230: rows that are written past their signals in other ways than by update() and bulk_create() of a view."""

from __future__ import annotations

import json

import pytest

from tests.findings.test_variants import ALL
from tests.support.projects import Project

MODELS = """
    from django.db import models

    class Topping(models.Model):
        pass

    class Pizza(models.Model):
        name = models.TextField(default="")
        toppings = models.ManyToManyField(Topping)

    class Salad(models.Model):
        name = models.TextField(default="")
        toppings = models.ManyToManyField(Topping)

    class Group(models.Model):
        members = models.ManyToManyField(Topping, through="Membership")

    class Membership(models.Model):
        group = models.ForeignKey(Group, models.CASCADE)
        topping = models.ForeignKey(Topping, models.CASCADE)
"""
RECEIVERS = """
    from django.db import connection
    from django.db.models.signals import m2m_changed, post_delete, post_save
    from django.dispatch import receiver
    from shop.models import *

    @receiver(post_save, sender=Pizza)
    def saved(sender, instance, **kwargs):
        with connection.cursor() as cursor:  # meant, so as not to be called again
            cursor.execute("UPDATE shop_pizza SET name = 'x' WHERE id = %s", [instance.pk])

    @receiver(post_delete, sender=Pizza)
    def gone(sender, **kwargs): ...

    @receiver(m2m_changed, sender=Pizza.toppings.through)
    def changed(sender, **kwargs): ...

    @receiver(post_save, sender=Membership)
    def joined(sender, **kwargs): ...
"""
VIEWS = """
    from django.db import connection
    from django.http import HttpResponse
    from shop.models import *

    Through = Pizza.toppings.through

    def view_through(request):
        pizza, topping = Pizza.objects.create(), Topping.objects.create()
        Through.objects.bulk_create([Through(pizza=pizza, topping=topping)])
        Through.objects.filter(pizza=pizza).delete()
        return HttpResponse()

    def view_packages(request):
        import wrapping
        wrapping.wrap_cursors()
        Pizza.objects.create()
        wrapping.reset_names()
        return HttpResponse()

    def view_members(request):
        Group.objects.create().members.add(Topping.objects.create())
        return HttpResponse()

    def view_raw_delete(request):
        Pizza.objects.create()
        Pizza.objects.filter(toppings=None)._raw_delete("default")
        return HttpResponse()

    def view_sql(request):
        Pizza.objects.create()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE shop_pizza SET name = %s", ["y"])
            cursor.executemany("INSERT INTO shop_pizza (name) VALUES (%s)", [["y"], ["z"]])
            cursor.execute("DELETE FROM shop_pizza WHERE name = %s", ["y"])
        return HttpResponse()

    async def view_async(request):
        await Pizza.objects.acreate()
        await Pizza.objects.aupdate(name="y")
        await Pizza.objects.abulk_create([Pizza()])
        return HttpResponse()

    def view_good(request):
        pizza, topping = Pizza.objects.create(), Topping.objects.create()
        pizza.toppings.add(topping)
        pizza.toppings.set([])
        pizza.toppings.add(topping)
        pizza.toppings.clear()
        topping.pizza_set.add(pizza)
        topping.pizza_set.remove(pizza)
        pizza.delete()
        Membership.objects.create(group=Group.objects.create(), topping=topping).delete()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE shop_salad SET name = %s", ["y"])
            cursor.execute("SELECT * FROM shop_pizza")
            cursor.execute("UPDATE shop_pizza SET name = %s WHERE id < 0", ["nobody"])
        Salad.objects.create().toppings.through.objects.all()._raw_delete("default")
        return HttpResponse()
"""
GUILTY = {
    "through": {
        "1 row of `Pizza_toppings` was written without `m2m_changed`: `bulk_create()` at views.py:10 (1 call).",
        "1 row of `Pizza_toppings` was deleted without `m2m_changed`: `delete()` at views.py:11 (1 call).",
    },
    "members": {"1 row of `Membership` was written without `post_save`: `add()` at views.py:22 (1 call)."},
    "raw_delete": {"1 row of `Pizza` was deleted without `post_delete`: `_raw_delete()` at views.py:27 (1 call)."},
    "sql": {
        "1 row of `Pizza` was written without `post_save`: `UPDATE` in SQL at views.py:33 (1 call).",
        "2 rows of `Pizza` were written without `post_save`: `INSERT` in SQL at views.py:34 (1 call).",
        "2 rows of `Pizza` were deleted without `post_delete`: `DELETE` in SQL at views.py:35 (1 call).",
    },
    "async": {
        "1 row of `Pizza` was written without `post_save`: `update()` at views.py:40 (1 call).",
        "1 row of `Pizza` was written without `post_save`: `bulk_create()` at views.py:41 (1 call).",
    },
    "packages": set(),
    "good": set(),
}
PACKAGE = """
from django.db import connection
from django.db.backends.utils import CursorWrapper

def wrap_cursors():
    original = CursorWrapper.execute
    def execute(self, *args, **kwargs):
        return original(self, *args, **kwargs)
    CursorWrapper.execute = execute

def reset_names():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE shop_pizza SET name = ''")
"""
SETTINGS = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent / "site-packages"))
"""


@pytest.mark.parametrize("view", GUILTY)
def test_what_writes_rows_past_their_signals(project: Project, view: str) -> None:
    (project.root / "site-packages").mkdir()
    (project.root / "site-packages" / "wrapping.py").write_text(PACKAGE, encoding="utf-8")
    project.write(SETTINGS, models=MODELS, receivers=RECEIVERS, views=VIEWS)
    project.run(f"get('/view_{view}/')")
    found = json.loads(project.command("-c", ALL).rpartition("FOUND ")[2])
    assert {message.partition(" (1 call).")[0] + " (1 call)." for _code, message in found} == GUILTY[view]


def test_a_line_that_does_something_else_by_now_is_not_told(project: Project) -> None:
    project.write(models=MODELS, receivers=RECEIVERS, views=VIEWS)
    project.run("get('/view_members/')\nget('/view_sql/')")
    project.write(views=VIEWS.replace(".members.add(", ".pk or str(").replace("cursor.execute(", "print("))
    found = json.loads(project.command("-c", ALL).rpartition("FOUND ")[2])
    assert [message.partition(" (1 call)")[0] for _code, message in found] == [
        "2 rows of `Pizza` were written without `post_save`: `INSERT` in SQL at views.py:34"
    ]
