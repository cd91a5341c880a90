"""R217: a receiver that is connected for one class, while another one sends and nobody hears it."""

from __future__ import annotations

import json

import pytest

from tests.support.projects import Project

MODELS = """
    from django.db import models

    class Ticket(models.Model):
        title = models.TextField(default="")

    class UrgentTicket(Ticket):
        class Meta:
            proxy = True

    class Reply(models.Model):
        ticket = models.ForeignKey(Ticket, models.CASCADE, null=True)

    class Page(models.Model):
        pass

    class Room(models.Model):
        pass

    class Suite(Room):
        beds = models.IntegerField(default=2)
"""
SIGNALS = """
    from django.dispatch import Signal

    archived = Signal()

    class Job: ...
    class Import(Job): ...
"""
RECEIVERS = """
    from django.db.models.signals import post_delete, post_save
    from django.dispatch import receiver
    from shop.models import Suite, Ticket
    from shop.signals import Job, archived

    @receiver(post_save, sender=Ticket)
    def page_somebody(sender, **kwargs): ...

    @receiver(archived, sender=Ticket)
    def note_archive(sender, **kwargs): ...

    @receiver(archived, sender=Job)
    def note_job(sender, **kwargs): ...

    @receiver(post_delete, sender=Suite)
    def close_suite(sender, **kwargs): ...
"""
VIEWS = """
    from django.http import HttpResponse
    from shop.models import *
    from shop.signals import *

    def view_proxy(request):
        UrgentTicket.objects.create(title="Fire")
        return HttpResponse()

    def view_subclass(request):
        archived.send(Import)
        return HttpResponse()

    def view_instance(request):
        archived.send(Ticket(pk=1))
        return HttpResponse()

    def view_reply(request):
        archived.send(Reply)
        return HttpResponse()

    def view_page(request):
        Page.objects.create()
        Reply.objects.create()
        archived.send(Page)
        Suite.objects.create().delete()  # Django sends it for Room, too
        return HttpResponse()
"""
GUILTY = {
    "`page_somebody` (receivers.py:7) did not run for 1 of 1 dispatches of `post_save`: it is connected for "
    "`Ticket`, and `view_proxy` (views.py:7) sends `UrgentTicket`, its proxy.",
    "`note_job` (receivers.py:13) did not run for 1 of 1 dispatches of `archived`: it is connected for "
    "`Job`, and `view_subclass` (views.py:11) sends `Import`, its subclass.",
    "`note_archive` (receivers.py:10) did not run for 1 of 1 dispatches of `archived`: it is connected for "
    "`Ticket`, and `view_instance` (views.py:15) sends an instance of `Ticket`.",
    "`note_archive` (receivers.py:10) did not run for 1 of 1 dispatches of `archived`: it is connected for "
    "`Ticket`, and `view_reply` (views.py:19) sends `Reply`, whose `ticket` is one.",
}
FIND = """
import json, django
django.setup()
from signal_monitor.findings.engine import find
from signal_monitor.stores import get_store
print("FOUND", json.dumps([[finding.name, finding.message] for finding in find(get_store())]))
"""


def found(project: Project) -> set[str]:
    """The messages of this rule, which is the only one that has found anything."""
    rows: list[list[str]] = json.loads(project.command("-c", FIND).rpartition("FOUND ")[2])
    assert {name for name, _message in rows} <= {"other-sender"}
    return {message.removesuffix(" Senders are compared by identity.") for _name, message in rows}


@pytest.fixture
def tickets(project: Project) -> Project:
    return project.write(models=MODELS, signals=SIGNALS, receivers=RECEIVERS, views=VIEWS)


def test_related_senders_that_nobody_hears_are_told_with_their_lines(tickets: Project) -> None:
    tickets.run("for sent in ('proxy', 'subclass', 'instance', 'reply'):\n    get(f'/view_{sent}/')")
    assert found(tickets) == GUILTY


def test_others_are_not_told_and_what_refers_to_it_not_once_the_receiver_has_run(tickets: Project) -> None:
    tickets.run("get('/view_page/')")
    assert found(tickets) == set()
    tickets.run("from shop.models import Ticket\nfrom shop.signals import archived\narchived.send(Ticket)")
    tickets.run("get('/view_reply/')")
    assert found(tickets) == set()
