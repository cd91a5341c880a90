"""Cohorts of students, and the educational status of each student."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import models

from demo.admissions.signals import student_edu_status_updated


class Cohort(models.Model):
    """Students who start together."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=80)
    kickoff_date = models.DateField(null=True, blank=True)
    students = models.ManyToManyField(User, through="CohortUser", related_name="cohorts")
    saved_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.name


class CohortUser(models.Model):
    """A student of a cohort."""

    class EducationalStatus(models.TextChoices):
        """The educational status."""

        ACTIVE = "ACTIVE", "active"
        POSTPONED = "POSTPONED", "postponed"
        SUSPENDED = "SUSPENDED", "suspended"
        GRADUATED = "GRADUATED", "graduated"
        DROPPED = "DROPPED", "dropped"

    user = models.ForeignKey(User, models.CASCADE, related_name="cohort_users")
    cohort = models.ForeignKey(Cohort, models.CASCADE, related_name="cohort_users")
    educational_status = models.CharField(max_length=9, choices=EducationalStatus, default=EducationalStatus.ACTIVE)

    class Meta:
        ordering = ("-pk",)
        constraints = [models.UniqueConstraint(fields=["user", "cohort"], name="a_student_once_per_cohort")]

    def __str__(self) -> str:
        return f"{self.user} in {self.cohort}"

    def save(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the base's signature
        """Save, and send the signal if the educational status has changed."""
        before = self._stored_status()
        super().save(*args, **kwargs)
        if before != self._stored_status():
            student_edu_status_updated.send(sender=CohortUser, instance=self, created=before is None)

    def _stored_status(self) -> str | None:
        return CohortUser.objects.filter(pk=self.pk).values_list("educational_status", flat=True).first()
