"""Form entries, tags of cohorts and tasks of students."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import models

from demo.admissions.models import Cohort, CohortUser


class FormEntry(models.Model):
    """An e-mail address that someone left; it may belong to a user later."""

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
    """The tag of a cohort in the mailing system (ACP); a task creates it."""

    cohort = models.OneToOneField(Cohort, models.CASCADE, related_name="tag")
    slug = models.SlugField(max_length=60)
    process_id = models.PositiveIntegerField()
    saved_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-saved_at",)

    def __str__(self) -> str:
        return self.slug


class CohortTask(models.Model):
    """What a student has to do next; a task creates it."""

    cohort_user = models.ForeignKey(CohortUser, models.CASCADE, related_name="cohort_tasks")
    title = models.CharField(max_length=120)
    process_id = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.cohort_user}: {self.title}"
