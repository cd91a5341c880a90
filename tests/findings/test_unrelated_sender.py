"""A receiver for a sender with which nothing sends its signal (R233), and what looks like one."""

from __future__ import annotations

from tests.findings.test_many_to_many import found_there
from tests.support.projects import Project

SIGNALS = """
    from django.dispatch import Signal

    saved = Signal()
    aliased = Signal()
    listed = Signal()
    dynamic = Signal()
    rare = Signal()
    unsent = Signal()
    based = Signal()
    own = type("OwnSignal", (Signal,), {"send_each": lambda self, sender: self.send_robust(sender)})()
    EVENTS = {"listed": listed}
"""
MODELS = """
    from django.db import models
    from shop import signals

    class Course(models.Model):
        def finish(self):
            signals.dynamic.send(sender=self.__class__)

    class CourseUser(models.Model):
        pass

    class OnlineCourse(Course):
        class Meta:
            proxy = True
"""
RECEIVERS = """
    from django.dispatch import receiver
    from shop.models import *
    from shop.signals import *

    @receiver([saved, aliased, listed, dynamic, rare, unsent, based, own], sender=Course)
    def follow_course(sender, **kwargs):
        pass

    class Follower:
        def follow(self, sender, **kwargs):
            pass

    follower = Follower()
    saved.connect(follower.follow, sender=Course)
    saved.connect(lambda **kwargs: None, sender=CourseUser)
"""
VIEWS = """
    from django.http import HttpResponse
    from shop import signals
    from shop.models import *
    from shop.signals import EVENTS, aliased, own, saved
    from shop.signals import aliased as other_name

    def view_send(request):
        saved.send(CourseUser)
        signals.saved.send_robust(sender=CourseUser)
        aliased.send(sender=CourseUser)
        signals.listed.send(sender=CourseUser)
        signals.dynamic.send(sender=CourseUser)
        signals.rare.send(sender=CourseUser)
        signals.based.send(sender=OnlineCourse)
        own.send(sender=CourseUser)
        return HttpResponse()

    def view_never(request):
        other_name.send(sender=Course)
        EVENTS["listed"].send(sender=Course)
        signals.rare.send(sender=Course)
        signals.unsent.send(sender=CourseUser)
        own.send_each(sender=Course)
        return HttpResponse()
"""


def test_a_receiver_for_a_sender_that_nobody_sends_is_found(project: Project) -> None:
    project.write(signals=SIGNALS, models=MODELS, receivers=RECEIVERS, views=VIEWS)
    project.run("get('/view_send/')")
    sites = "`CourseUser` (views.py:9) and `CourseUser` (views.py:10)"
    assert found_there(project, "unrelated-sender") == [
        f"`{name}` (receivers.py:{line}) never runs: it is connected to `saved` for `Course`, and the project sends it "
        f"with {sites} only. It was sent 2 times without it."
        for name, line in (("Follower.follow", 11), ("follow_course", 6))
    ]
