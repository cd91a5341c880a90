"""What is known of processes, such as who sent what and what was written in bulk, is found in every period."""

from __future__ import annotations

import json
import time

from tests.support.projects import Project

MODELS = """
    from django.db import models

    class Ticket(models.Model):
        title = models.TextField(default="")

    class Reply(models.Model):
        ticket = models.ForeignKey(Ticket, models.CASCADE, null=True)

    class Page(models.Model):
        n = models.IntegerField(default=1)
"""
RECEIVERS = """
    from django.db.models.signals import post_save
    from django.dispatch import Signal, receiver
    from shop.models import Page, Ticket

    archived, closed, turned = Signal(), Signal(), Signal()

    @receiver(archived, sender=Ticket)
    def note_archive(sender, **kwargs): ...

    @receiver(closed, sender=Ticket)
    def note_closed(sender, **kwargs): ...

    @receiver(post_save, sender=Page)
    def turn(sender, **kwargs):
        turned.send(None)

    @receiver(turned)
    def count(sender, **kwargs):
        Page.objects.filter(n=1).update(n=2)
"""
VIEWS = """
    from django.http import HttpResponse
    from shop.models import *
    from shop.receivers import *

    def view_all(request):
        archived.send(Reply)
        closed.send(Reply)
        Page.objects.create()  # what is written inside would call the receiver again
        return HttpResponse()

    def view_bulk(request):
        Page.objects.bulk_create([Page()])
        return HttpResponse()

    def view_ticket(request):
        closed.send(Ticket)
        return HttpResponse()
"""
FIND = """
import json, time, django
django.setup()
from signal_monitor.findings.engine import find
from signal_monitor.stores import get_store
for since in (None, {later}):
    print("FOUND", json.dumps([finding.message for finding in find(get_store(), since)]))
"""


def test_findings_about_processes_are_those_of_every_period(project: Project) -> None:
    project.write(models=MODELS, receivers=RECEIVERS, views=VIEWS)
    project.run("get('/view_ticket/')")
    project.run("for name in ('all', 'bulk'): get(f'/view_{name}/')")
    later = time.time() + 100

    whole, short = project.command("-c", FIND.format(later=later)).split("FOUND ")[1:]
    found = json.loads(whole)
    assert [message.partition(". ")[0] for message in found] == [
        "`note_archive` (receivers.py:8) did not run for 1 of 1 dispatches of `archived`: it is connected for "
        "`Ticket`, and `view_all` (views.py:7) sends `Reply`, whose `ticket` is one",
        "1 row of `Page` was written without `post_save`: `bulk_create()` at views.py:13 (1 call)",
    ]
    assert json.loads(short) == found

    views = project.root / "shop" / "views.py"
    views.write_text(views.read_text("utf-8").replace("bulk_create([Page()])", "create()"), encoding="utf-8")
    mended = project.command("-c", FIND.format(later=later)).split("FOUND ")[1:]
    assert [len(json.loads(messages)) for messages in mended] == [1, 1]
