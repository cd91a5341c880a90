"""Clicks on the buttons of the page, and the models that the mistakes use."""

from __future__ import annotations

from typing import Any

from django.db import models

from demo.pitfalls.signals import certificate_issued

KEPT = 20
MEMBERS = 30


class PressManager(models.Manager["Press"]):
    """The clicks; only the last KEPT of each pitfall are stored."""

    def keep(self, *, pitfall: str, waited_ms: float, what_happened: str) -> Press:
        """Store a click, and delete all but the last KEPT of its pitfall."""
        press = self.create(pitfall=pitfall, waited_ms=waited_ms, what_happened=what_happened)
        last = self.filter(pitfall=pitfall).order_by("-pk").values("pk")[:KEPT]
        self.filter(pitfall=pitfall).exclude(pk__in=last).delete()
        return press

    def last_by_pitfall(self) -> dict[str, Press]:
        """The last click of each pitfall, by slug."""
        last = self.order_by().values("pitfall").annotate(last=models.Max("pk")).values("last")
        return {press.pitfall: press for press in self.filter(pk__in=last)}


class Press(models.Model):
    """One click on a button: how long its visitor waited, and what they saw."""

    pitfall = models.SlugField()
    waited_ms = models.FloatField()
    what_happened = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    objects = PressManager()

    class Meta:
        ordering = ("-pk",)
        verbose_name_plural = "presses"

    def __str__(self) -> str:
        return f"{self.pitfall} at {self.at:%H:%M:%S}"


class CourseManager(models.Manager["Course"]):
    """The courses that the mistakes use."""

    def named(self, title: str) -> Course:
        """The course with this title."""
        return self.get_or_create(title=title)[0]

    def with_members(self, title: str, number: int = MEMBERS) -> Course:
        """The course with this title and at least this many members; bulk_create sends no signals."""
        course = self.named(title)
        missing = range(course.members.count(), number)
        CourseUser.objects.bulk_create(CourseUser(course=course, name=f"Member {each + 1}") for each in missing)
        return course


class Course(models.Model):
    """A course."""

    title = models.CharField(max_length=60, unique=True)

    objects = CourseManager()

    def __str__(self) -> str:
        return self.title


class CourseUser(models.Model):
    """A member of a course."""

    course = models.ForeignKey(Course, models.CASCADE, related_name="members")
    name = models.CharField(max_length=60)

    def __str__(self) -> str:
        return self.name


class Enrolment(models.Model):
    """A member who is enrolled in a long transaction.

    It has a database of its own, because no other process can write to an SQLite database during a transaction.
    """

    name = models.CharField(max_length=60)

    def __str__(self) -> str:
        return self.name


class Draft(models.Model):
    """A text whose receiver saves it again."""

    title = models.CharField(max_length=60)
    version = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.title}, version {self.version}"


class Certificate(models.Model):
    """A certificate that sends its signal before it is saved."""

    serial = models.CharField(max_length=20, unique=True)

    def __str__(self) -> str:
        return self.serial

    def save(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Django's signature
        """Send the signal, then save; this order is the mistake."""
        certificate_issued.send(sender=self.__class__, instance=self)
        super().save(*args, **kwargs)


class Payment(models.Model):
    """A payment; its receipt is mailed before the commit."""

    payer = models.CharField(max_length=60)
    amount = models.DecimalField(max_digits=8, decimal_places=2)

    def __str__(self) -> str:
        return f"{self.amount} from {self.payer}"


class LookupManager(models.Manager["Lookup"]):
    """The look-ups of the worker; only the last KEPT are stored."""

    def keep(self, *, member_id: int, found: bool) -> None:
        """Store a look-up, and delete all but the last KEPT."""
        self.create(member_id=member_id, found=found)
        last = self.order_by("-pk").values("pk")[:KEPT]
        self.exclude(pk__in=last).delete()


class Lookup(models.Model):
    """What the worker found when it looked for a new member."""

    member_id = models.BigIntegerField()
    found = models.BooleanField()
    at = models.DateTimeField(auto_now_add=True)

    objects = LookupManager()

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"Member {self.member_id} was {'' if self.found else 'not '}there at {self.at:%H:%M:%S}"
