"""Receivers of the signals of other apps.

Tasks are queued after the commit, and robustly: if the broker is down, this is logged and the page is shown.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from demo.admissions.models import Cohort, CohortUser
from demo.admissions.signals import cohort_saved, student_edu_status_updated
from demo.authenticate.models import ProfileAcademy
from demo.authenticate.signals import invite_accepted
from demo.marketing.models import FormEntry
from demo.marketing.tasks import add_cohort_slug_as_acp_tag, add_cohort_task_to_student


@receiver(invite_accepted, sender=ProfileAcademy)
def bind_entries_of_accepted(sender: type[ProfileAcademy], instance: ProfileAcademy, **_kwargs: object) -> None:
    """Bind earlier form entries to the user who has accepted an invitation."""
    _bind(instance.email, instance.user)


@receiver(post_save, sender=User)
def bind_entries_of_new_user(sender: type[User], instance: User, created: bool, raw: bool, **_kwargs: object) -> None:  # noqa: FBT001
    """Bind earlier form entries to a new user, unless there is an invitation: then accepting it binds them."""
    if created and instance.email and not raw and not _is_invited(instance.email):
        _bind(instance.email, instance)


@receiver(cohort_saved, sender=Cohort)
def queue_tag_of_cohort(sender: type[Cohort], instance: Cohort, **_kwargs: object) -> None:
    """Queue add_cohort_slug_as_acp_tag after the cohort is committed."""
    transaction.on_commit(lambda: add_cohort_slug_as_acp_tag.delay(instance.pk), robust=True)


@receiver(student_edu_status_updated, sender=CohortUser)
def queue_task_of_student(sender: type[CohortUser], instance: CohortUser, **_kwargs: object) -> None:
    """Queue add_cohort_task_to_student after the status is committed."""
    transaction.on_commit(lambda: add_cohort_task_to_student.delay(instance.pk), robust=True)


def _is_invited(email: str) -> bool:
    invited = ProfileAcademy.objects.filter(status=ProfileAcademy.Status.INVITED)
    return invited.filter(email__iexact=email).exists()


def _bind(email: str, user: User | None) -> None:
    FormEntry.objects.filter(email__iexact=email, user=None).update(user=user)
