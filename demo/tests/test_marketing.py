"""The marketing app: what its receivers make of other apps' signals, and its tasks of what they queue."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core import serializers
from django.db import transaction
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from demo.admissions.models import Cohort, CohortUser
from demo.admissions.serializers import CohortSerializer
from demo.authenticate.models import ProfileAcademy
from demo.marketing.models import CohortTask, FormEntry, Tag
from demo.marketing.tasks import NEXT_STEPS, add_cohort_slug_as_acp_tag, add_cohort_task_to_student
from demo.tests.conftest import Recorded, pid_of
from demo.tests.working import Worker

pytest_plugins = ["demo.tests.queueing"]

RECEIVERS = "demo.marketing.receivers"


@pytest.fixture
def entry(db: None) -> FormEntry:
    return FormEntry.objects.create(first_name="Ada", email="Ada@example.org")


@pytest.fixture
def cohort(db: None) -> Cohort:
    return Cohort.objects.create(slug="evening", name="Evening class")


def save_cohort() -> None:
    """As the API does."""
    serializer = CohortSerializer(data={"slug": "evening", "name": "Evening class"})
    assert serializer.is_valid()
    serializer.save()


def test_accepted_invitation_binds_earlier_entries(entry: FormEntry, member: User, recorded: Recorded) -> None:
    # Of a user who was there before the entry, so that no other receiver can have bound it.
    member.email = "ada@example.org"
    member.save()
    ProfileAcademy.objects.create(first_name="Ada", email="ada@example.org").accept()
    entry.refresh_from_db()
    assert entry.user == member
    (dispatch,) = recorded(f"{RECEIVERS}.bind_entries_of_accepted")
    assert (dispatch.signal, dispatch.sender, pid_of(dispatch)) == (
        "demo.authenticate.signals.invite_accepted",
        "demo.authenticate.models.ProfileAcademy",
        os.getpid(),
    )


def test_accepting_creates_the_user_and_binds(entry: FormEntry, client: Client, recorded: Recorded) -> None:
    profile = ProfileAcademy.objects.create(first_name="Ada", email="ada@example.org")
    client.post(f"/academy/invitations/{profile.pk}/accept/")
    entry.refresh_from_db()
    profile.refresh_from_db()
    assert entry.user == profile.user
    assert recorded(f"{RECEIVERS}.bind_entries_of_accepted")


def test_invited_user_is_bound_on_accept_only(entry: FormEntry) -> None:
    profile = ProfileAcademy.objects.create(first_name="Ada", email="ada@example.org")
    User.objects.create_user("ada", "ada@example.org")
    entry.refresh_from_db()
    assert entry.user is None
    profile.accept()
    entry.refresh_from_db()
    assert entry.user == profile.user


def test_new_user_binds_earlier_entries(entry: FormEntry, recorded: Recorded) -> None:
    other = FormEntry.objects.create(first_name="Grace", email="grace@example.org")
    user = User.objects.create_user("ada", "ada@example.org")
    assert list(user.form_entries.all()) == [entry]
    other.refresh_from_db()
    assert other.user is None
    (dispatch,) = recorded(f"{RECEIVERS}.bind_entries_of_new_user")
    assert (dispatch.sender, pid_of(dispatch)) == ("django.contrib.auth.models.User", os.getpid())


def test_entry_that_is_bound_stays_so(entry: FormEntry, member: User) -> None:
    FormEntry.objects.update(user=member)
    User.objects.create_user("ada", "ada@example.org")
    entry.refresh_from_db()
    assert entry.user == member


def test_fixture_binds_nothing(entry: FormEntry) -> None:
    user = User(pk=7, username="from-a-fixture", email="ada@example.org")
    for item in serializers.deserialize("json", serializers.serialize("json", [user])):
        item.save()
    entry.refresh_from_db()
    assert entry.user is None


@pytest.mark.usefixtures("db", "eager")
def test_saved_cohort_queues_its_tag(
    recorded: Recorded, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        save_cohort()
        assert not Tag.objects.exists()
    tag = Tag.objects.get()
    assert (tag.slug, tag.cohort.slug, tag.process_id) == ("evening", "evening", os.getpid())
    (dispatch,) = recorded(f"{RECEIVERS}.queue_tag_of_cohort")
    assert (dispatch.signal, dispatch.sender, pid_of(dispatch)) == (
        "demo.admissions.signals.cohort_saved",
        "demo.admissions.models.Cohort",
        os.getpid(),
    )


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("status", "title"), NEXT_STEPS.items(), ids=lambda value: str(value))
def test_status_queues_the_students_task(
    status: str,
    title: str,
    cohort: Cohort,
    member: User,
    recorded: Recorded,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        CohortUser.objects.create(cohort=cohort, user=member, educational_status=status)
        assert not CohortTask.objects.exists()
    task = CohortTask.objects.get()
    assert (task.title, task.cohort_user.user, task.process_id) == (title, member, os.getpid())
    (dispatch,) = recorded(f"{RECEIVERS}.queue_task_of_student")
    assert (dispatch.sender, pid_of(dispatch)) == ("demo.admissions.models.CohortUser", os.getpid())


@pytest.mark.django_db(transaction=True)
def test_rolled_back_cohort_queues_nothing(broker: Path) -> None:
    with transaction.atomic():
        save_cohort()
        transaction.set_rollback(True)
    assert list((broker / "messages").iterdir()) == []
    save_cohort()
    assert len(list((broker / "messages").iterdir())) == 1


@pytest.mark.django_db(transaction=True)
def test_broker_that_is_down_is_logged_and_the_cohort_saved(broker: Path, caplog: pytest.LogCaptureFixture) -> None:
    (broker / "messages").rmdir()
    save_cohort()
    assert Cohort.objects.exists()
    assert "queue_tag_of_cohort" in caplog.text


@pytest.mark.django_db
def test_tasks_of_what_is_gone_say_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "demo")
    add_cohort_slug_as_acp_tag(7)
    add_cohort_task_to_student(8)
    assert caplog.messages == [
        "No tag for cohort 7, which is gone meanwhile",
        "No task for student 8, who has left meanwhile",
    ]


def test_tag_follows_its_cohorts_slug(cohort: Cohort) -> None:
    add_cohort_slug_as_acp_tag(cohort.pk)
    Cohort.objects.update(slug="late")
    add_cohort_slug_as_acp_tag(cohort.pk)
    assert Tag.objects.get().slug == "late"


def test_page_takes_an_entry_and_shows_what_became_of_it(client: Client, cohort: Cohort, member: User) -> None:
    page = client.post("/academy/marketing/", {"first_name": "Ada", "email": "ada@example.org"}, follow=True).text
    assert "Noted: Ada &lt;ada@example.org&gt;" in page
    assert "no user yet" in page
    User.objects.create_user("countess", "ada@example.org")
    student = CohortUser.objects.create(cohort=cohort, user=member)
    add_cohort_task_to_student(student.pk)
    add_cohort_slug_as_acp_tag(cohort.pk)
    page = client.get("/academy/marketing/").text
    assert "is user countess" in page
    assert "member in Evening class: Say hello to your cohort" in page
    assert "<code>evening</code> for Evening class" in page


@pytest.mark.django_db
def test_page_refuses_what_is_no_email(client: Client) -> None:
    page = client.post("/academy/marketing/", {"first_name": "Ada", "email": "ada"})
    assert page.status_code == 200  # any other makes browsers write an error to their consoles
    assert "Enter a valid email address." in page.text
    assert not FormEntry.objects.exists()


QUEUE_BOTH = """
from django.contrib.auth.models import User
from demo.admissions.models import Cohort, CohortUser
from demo.admissions.serializers import CohortSerializer
serializer = CohortSerializer(data={"slug": "evening", "name": "Evening class"})
serializer.is_valid(raise_exception=True)
CohortUser.objects.create(cohort=serializer.save(), user=User.objects.create_user("member"))
"""


def test_worker_does_both_tasks_in_a_process_of_its_own(worker: Worker) -> None:
    worker.run(QUEUE_BOTH)
    ((tag_process, slug),) = worker.wait_for_rows("SELECT process_id, slug FROM marketing_tag")
    ((task_process, title),) = worker.wait_for_rows("SELECT process_id, title FROM marketing_cohorttask")
    assert (slug, title) == ("evening", "Say hello to your cohort")
    assert tag_process == task_process != os.getpid()
    for receiver in ("queue_tag_of_cohort", "queue_task_of_student"):
        _, process = worker.wait_for_dispatch(f"{RECEIVERS}.{receiver}")
        assert process.title == "manage.py shell"
