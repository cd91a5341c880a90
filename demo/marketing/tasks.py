"""The tasks of the marketing app."""

from __future__ import annotations

import logging
import os

from celery import shared_task

from demo.admissions.models import Cohort, CohortUser
from demo.marketing.models import CohortTask, Tag

logger = logging.getLogger(__name__)

Status = CohortUser.EducationalStatus
NEXT_STEPS = {
    Status.ACTIVE: "Say hello to your cohort",
    Status.POSTPONED: "Choose a new date to start",
    Status.SUSPENDED: "Talk to your mentor",
    Status.GRADUATED: "Collect your certificate",
    Status.DROPPED: "Tell us why you left",
}


@shared_task
def add_cohort_task_to_student(cohort_user_id: int) -> None:
    """Give a student the next thing to do for their educational status."""
    student = CohortUser.objects.filter(pk=cohort_user_id).first()
    if student is None:
        logger.info("No task for student %s, who has left meanwhile", cohort_user_id)
        return
    title = NEXT_STEPS[Status(student.educational_status)]
    CohortTask.objects.create(cohort_user=student, title=title, process_id=os.getpid())


@shared_task
def add_cohort_slug_as_acp_tag(cohort_id: int) -> None:
    """Set the tag of a cohort to its slug."""
    cohort = Cohort.objects.filter(pk=cohort_id).first()
    if cohort is None:
        logger.info("No tag for cohort %s, which is gone meanwhile", cohort_id)
        return
    Tag.objects.update_or_create(cohort=cohort, defaults={"slug": cohort.slug, "process_id": os.getpid()})
