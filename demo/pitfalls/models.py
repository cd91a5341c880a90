"""Buttons that were pressed on the pitfalls page, and the rows that the mistakes are made with."""

from __future__ import annotations

from typing import Any

from django.db import models

from demo.pitfalls.signals import certificate_issued

KEPT = 20
MEMBERS = 30


class PressManager(models.Manager["Press"]):
    """The presses, as many as one needs to look back on."""

    def keep(self, *, pitfall: str, waited_ms: float, what_happened: str) -> Press:
        """Keep a press, and forget all but the last KEPT of its pitfall."""
        press = self.create(pitfall=pitfall, waited_ms=waited_ms, what_happened=what_happened)
        last = self.filter(pitfall=pitfall).order_by("-pk").values("pk")[:KEPT]
        self.filter(pitfall=pitfall).exclude(pk__in=last).delete()
        return press

    def last_by_pitfall(self) -> dict[str, Press]:
        """The last press of every pitfall that was ever pressed, by its slug."""
        last = self.order_by().values("pitfall").annotate(last=models.Max("pk")).values("last")
        return {press.pitfall: press for press in self.filter(pk__in=last)}


class Press(models.Model):
    """One press of one button: how long its visitor waited, and what they saw of it."""

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
    """The courses that the mistakes are made with."""

    def named(self, title: str) -> Course:
        """The course of that title."""
        return self.get_or_create(title=title)[0]

    def with_members(self, title: str, number: int = MEMBERS) -> Course:
        """The course of that title, with at least so many members; bulk_create sends no signals."""
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


class Draft(models.Model):
    """A text whose receiver saves it again while it is being saved."""

    title = models.CharField(max_length=60)
    version = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.title}, version {self.version}"


class Certificate(models.Model):
    """A certificate that says it was issued before it is."""

    serial = models.CharField(max_length=20, unique=True)

    def __str__(self) -> str:
        return self.serial

    def save(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Django's signature
        """Save it; the mistake is to send first."""
        certificate_issued.send(sender=self.__class__, instance=self)
        super().save(*args, **kwargs)


class Payment(models.Model):
    """A payment, whose receipt is mailed as soon as its row is written."""

    payer = models.CharField(max_length=60)
    amount = models.DecimalField(max_digits=8, decimal_places=2)

    def __str__(self) -> str:
        return f"{self.amount} from {self.payer}"


class LookupManager(models.Manager["Lookup"]):
    """The last of the worker's look-ups."""

    def keep(self, *, member_id: int, found: bool) -> None:
        """Keep a look-up, and forget all but the last KEPT."""
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
