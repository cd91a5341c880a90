"""The admissions app: cohorts, students, the API, and the signals that tell of changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.dispatch import Signal
from django.test import Client

from demo.admissions.models import Cohort, CohortUser
from demo.admissions.signals import cohort_saved, student_edu_status_updated
from demo.authenticate.models import ProfileAcademy

API = "/academy/api/cohorts/"
FIELDS = {"slug": "evening", "name": "Evening class", "kickoff_date": "2027-02-01"}
Heard = list[tuple[Signal, Any, Any, bool]]


@pytest.fixture
def cohort(db: None) -> Cohort:
    return Cohort.objects.create(**FIELDS)


@pytest.fixture
def student(cohort: Cohort, member: User) -> CohortUser:
    return CohortUser.objects.create(cohort=cohort, user=member)


@pytest.fixture
def heard() -> Iterator[Heard]:
    """Each time one of the two signals is sent: the signal, the sender, the instance, and whether it is new."""
    calls: Heard = []

    def listen(signal: Signal, sender: Any, instance: Any, created: bool, **_kwargs: Any) -> None:  # noqa: FBT001
        assert type(instance).objects.filter(pk=instance.pk).exists()
        calls.append((signal, sender, instance, created))

    for signal in (cohort_saved, student_edu_status_updated):
        signal.connect(listen)
    yield calls
    for signal in (cohort_saved, student_edu_status_updated):
        signal.disconnect(listen)


def test_api_makes_a_cohort_and_tells(client: Client, db: None, heard: Heard) -> None:
    response = client.post(API, FIELDS, content_type="application/json")
    assert response.status_code == 201
    cohort = Cohort.objects.get()
    assert response.json() == {"id": cohort.pk, **FIELDS}
    assert heard == [(cohort_saved, Cohort, cohort, True)]


def test_api_changes_a_cohort_and_tells(client: Client, cohort: Cohort, heard: Heard) -> None:
    response = client.patch(f"{API}evening/", {"name": "Late class"}, content_type="application/json")
    assert (response.status_code, Cohort.objects.get().name) == (200, "Late class")
    assert heard == [(cohort_saved, Cohort, cohort, False)]


def test_api_lists_and_reads(client: Client, cohort: Cohort) -> None:
    assert client.get(API).json() == [client.get(f"{API}evening/").json()]


def test_api_refuses_a_slug_that_is_taken(client: Client, cohort: Cohort, heard: Heard) -> None:
    response = client.post(API, FIELDS, content_type="application/json")
    assert (response.status_code, list(response.json())) == (400, ["slug"])
    assert heard == []


def test_status_is_told_when_new_and_when_changed(cohort: Cohort, member: User, heard: Heard) -> None:
    student = CohortUser.objects.create(cohort=cohort, user=member)
    student.save()
    student.educational_status = CohortUser.EducationalStatus.GRADUATED
    student.save()
    signal = student_edu_status_updated
    assert heard == [(signal, CohortUser, student, True), (signal, CohortUser, student, False)]


def test_page_makes_a_cohort_through_the_serializer(client: Client, db: None, heard: Heard) -> None:
    response = client.post("/academy/cohorts/", {**FIELDS, "kickoff_date": ""}, follow=True)
    assert response.redirect_chain == [("/academy/cohorts/evening/", 302)]
    assert "Saved: Evening class" in response.text
    cohort = Cohort.objects.get()
    assert cohort.kickoff_date is None
    assert heard == [(cohort_saved, Cohort, cohort, True)]


def test_page_changes_a_cohort_through_the_serializer(client: Client, cohort: Cohort, heard: Heard) -> None:
    client.post("/academy/cohorts/evening/", {**FIELDS, "slug": "late"})
    assert Cohort.objects.get().slug == "late"
    assert heard == [(cohort_saved, Cohort, cohort, False)]


@pytest.mark.parametrize("path", ["/academy/cohorts/", "/academy/cohorts/evening/"])
def test_page_says_once_what_the_serializer_refuses(client: Client, cohort: Cohort, path: str) -> None:
    response = client.post(path, {**FIELDS, "name": "", "slug": "not a slug"})
    assert response.status_code == 200
    assert response.text.count("This field may not be null.") == 1
    assert response.text.count('class="errorlist"') == 2
    assert Cohort.objects.get().slug == "evening"


def test_page_lets_who_has_accepted_join(client: Client, cohort: Cohort, member: User) -> None:
    ProfileAcademy.objects.create(email=member.email, user=member, status=ProfileAcademy.Status.ACTIVE)
    assert f'<option value="{member.pk}">member</option>' in client.get("/academy/cohorts/evening/").text
    page = client.post("/academy/cohorts/evening/students/", {"user": member.pk}, follow=True).text
    assert "Joined: member in Evening class" in page
    assert CohortUser.objects.get().user == member
    assert f'<option value="{member.pk}">' not in page


def test_page_lets_nobody_else_join(client: Client, cohort: Cohort, member: User) -> None:
    page = client.post("/academy/cohorts/evening/students/", {"user": member.pk}, follow=True).text
    assert "Nobody joined" in page
    assert not CohortUser.objects.exists()


def test_page_changes_a_status(client: Client, student: CohortUser, heard: Heard) -> None:
    path = f"/academy/cohorts/evening/students/{student.pk}/"
    page = client.post(path, {"educational_status": "POSTPONED"}, follow=True).text
    assert "member in Evening class: postponed" in page
    assert heard == [(student_edu_status_updated, CohortUser, student, False)]


def test_page_refuses_a_status_that_there_is_not(client: Client, student: CohortUser, heard: Heard) -> None:
    path = f"/academy/cohorts/evening/students/{student.pk}/"
    assert "There is no such status." in client.post(path, {"educational_status": "ASLEEP"}, follow=True).text
    assert heard == []
