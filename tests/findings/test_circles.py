"""R206 and R208: circles of saves, and async code that meets sync code."""

from __future__ import annotations

from tests.support.projects import Project

MODELS = """
    from django.db import models

    class Left(models.Model):
        n = models.IntegerField(default=0)

    class Right(models.Model):
        left = models.ForeignKey(Left, models.CASCADE)

    class Draft(models.Model):
        version = models.IntegerField(default=0)

    class Guarded(models.Model):
        title = models.TextField(default="")

    class Node(models.Model):
        parent = models.ForeignKey("self", models.CASCADE, null=True)
        size = models.IntegerField(default=0)

    class Alert(models.Model):
        pass
"""
RECEIVERS = """
    from asgiref.sync import async_to_sync
    from django.db.models.signals import post_save
    from django.dispatch import Signal, receiver
    from shop.models import Alert, Draft, Guarded, Left, Node, Right

    price_changed = Signal()

    @receiver(post_save, sender=Left)
    def push_right(sender, instance, **kwargs):
        for right in instance.right_set.all():
            right.save()

    @receiver(post_save, sender=Right)
    def push_left(sender, instance, **kwargs):
        if instance.left.n < 6:
            instance.left.n += 1
            instance.left.save()

    @receiver(post_save, sender=Draft)
    def number_draft(sender, instance, **kwargs):
        if instance.version < 5:
            instance.version += 1
            instance.save()

    @receiver(post_save, sender=Guarded)
    def title(sender, instance, created, **kwargs):
        if created:
            instance.title = f"Number {instance.pk}"
            instance.save()

    @receiver(post_save, sender=Node)
    def grow(sender, instance, **kwargs):
        if instance.parent is not None:
            instance.parent.size += 1
            instance.parent.save()

    @receiver(post_save, sender=Alert)
    async def count_alerts(sender, instance, **kwargs):
        return Alert.objects.count()

    async def group_send():
        pass

    @receiver(price_changed)
    def broadcast(sender, **kwargs):
        async_to_sync(group_send)()
"""
VIEWS = """
    from django.http import HttpResponse
    from shop.models import Alert, Draft, Guarded, Left, Node, Right
    from shop.receivers import price_changed

    def view_left(request):
        Right.objects.create(left=Left.objects.create())
        return HttpResponse()

    def view_draft(request):
        Draft.objects.create()
        return HttpResponse()

    def view_guarded(request):
        Guarded.objects.create()
        return HttpResponse()

    def view_tree(request):
        node = None
        for _ in range(6):
            node = Node(parent=node)
            Node.objects.bulk_create([node])
        node.save()
        return HttpResponse()

    def view_alert(request):
        Alert.objects.create()
        return HttpResponse()

    async def view_price(request):
        price_changed.send(sender=None)
        return HttpResponse()

    def view_price_in_a_thread(request):
        price_changed.send(sender=None)
        return HttpResponse()
"""


def shop(project: Project) -> Project:
    return project.write(models=MODELS, receivers=RECEIVERS, views=VIEWS)


def test_two_receivers_that_call_each_other_are_found_with_path_and_depth(project: Project) -> None:
    shop(project).run("get('/view_left/')")
    (finding,) = project.findings().values()
    # The line that saved is known if the dispatch was slow, or the first in a second.
    assert finding.message.replace(" by `view_left` (views.py:7)", "") == (
        "`push_left` (receivers.py:14) and `push_right` (receivers.py:9) call each other: one save became 13 "
        "dispatches of the same senders, 13 deep. "
        "`Right` → `push_left` → `Left` → `push_right` → `Right`."
    )


def test_a_receiver_that_saves_its_own_row_again_and_again_is_found(project: Project) -> None:
    shop(project).run("get('/view_draft/')")
    (finding,) = project.findings().values()
    assert finding.message == (
        "`number_draft` (receivers.py:20) calls itself: one save by `view_draft` (views.py:11) became 6 dispatches of "
        "the same senders, 6 deep. `Draft` → `number_draft` → `Draft`."
    )


def test_one_guarded_save_and_the_parents_of_a_tree_are_no_circle(project: Project) -> None:
    shop(project).run("get('/view_guarded/'); get('/view_tree/'); get('/view_price_in_a_thread/')")
    assert set(project.findings()) <= {"bulk-operation"}


def test_async_code_that_meets_sync_code_is_found(project: Project) -> None:
    act = """
        import asyncio
        from django.test import AsyncClient
        async def ask():
            await AsyncClient(raise_request_exception=False).get("/view_price/")
        asyncio.run(ask())
        get("/view_alert/")
    """
    shop(project).run(act)
    store = project.store
    from signal_monitor.findings.engine import find

    found = {finding.subject: finding.message for finding in find(store) if finding.name == "async-and-sync"}
    store.close()
    assert found["shop.receivers.broadcast"] == (
        "`broadcast` (receivers.py:45) failed with `RuntimeError` in 1 of 1 calls: it calls `async_to_sync()` on the "
        "event loop, and `view_price` (views.py:31) sends `price_changed` with `send()`."
    )
    assert (
        "uses the synchronous ORM in an `async def`, and Django sends `post_save`"
        in found["shop.receivers.count_alerts"]
    )
