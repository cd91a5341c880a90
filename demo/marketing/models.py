"""What marketing knows of people and cohorts."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import models

from demo.admissions.models import Cohort, CohortUser


class FormEntry(models.Model):
    """Someone left their e-mail; there may be a user to it later."""

    first_name = models.CharField(max_length=60)
    email = models.EmailField("e-mail")
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="form_entries")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name_plural = "form entries"

    def __str__(self) -> str:
        return f"{self.first_name} <{self.email}>"


class Tag(models.Model):
    """A cohort's tag in the mailing system (ACP), as a task of the worker made it."""

    cohort = models.OneToOneField(Cohort, models.CASCADE, related_name="tag")
    slug = models.SlugField(max_length=60)
    process_id = models.PositiveIntegerField()
    saved_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-saved_at",)

    def __str__(self) -> str:
        return self.slug


class CohortTask(models.Model):
    """What a student of a cohort is to do next, as a task of the worker made it."""

    cohort_user = models.ForeignKey(CohortUser, models.CASCADE, related_name="cohort_tasks")
    title = models.CharField(max_length=120)
    process_id = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.cohort_user}: {self.title}"
