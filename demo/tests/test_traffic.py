"""``manage.py traffic``: visitors who click for real, and clean up behind themselves."""

from __future__ import annotations

import random

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from pytest_django.live_server_helper import LiveServer

from demo.admissions.models import Cohort, CohortUser
from demo.authenticate.models import ProfileAcademy
from demo.blocking.models import Publication
from demo.home import crowd
from demo.home.errands import NAME_PREFIX
from demo.home.seeding import seed
from demo.home.visitors import Visitor
from demo.marketing.models import CohortTask, FormEntry
from demo.movies.models import SearchTerm
from demo.pitfalls.models import Press
from demo.tests.running import Demo
from demo.todos.models import Todo


@pytest.fixture
def visitor(live_server: LiveServer) -> Visitor:
    return Visitor(live_server.url, pitfalls=True, choice=random.Random(1))


def test_visitor_keeps_todos(visitor: Visitor) -> None:
    visitor.sign_up()
    visitor.add_todo()
    visitor.change_todo()
    assert User.objects.get().username.startswith(NAME_PREFIX)
    assert Todo.objects.filter(owner=User.objects.get()).count() in {1, 2}


def test_visitor_saves_profile(visitor: Visitor) -> None:
    visitor.sign_up()
    visitor.save_profile()
    assert User.objects.get().profile.display_name.startswith(NAME_PREFIX)


def test_visitor_leaves_no_session(visitor: Visitor) -> None:
    visitor.sign_up()
    visitor.leave()
    assert not Session.objects.exists()


def test_visitor_comes_back(visitor: Visitor) -> None:
    visitor.sign_up()
    visitor.log_out()
    visitor.log_in()
    assert list(User.objects.get().login_events.values_list("kind", flat=True)) == ["login", "logout", "login"]


def test_visitor_falls_into_pitfalls(visitor: Visitor) -> None:
    visitor.fall_into_pitfall()
    visitor.fall_into_pitfall()
    assert Press.objects.values("pitfall").distinct().count() == 2


def test_visitor_invites_and_accepts(visitor: Visitor) -> None:
    visitor.sign_up()
    visitor.errands.leave_email()
    visitor.errands.invite()
    visitor.errands.accept()
    profile = ProfileAcademy.objects.get()
    assert profile.user is not None
    assert profile.user.username.startswith(NAME_PREFIX)
    assert set(FormEntry.objects.values_list("user", flat=True)) == {profile.user.pk}


def test_visitor_accepts_no_invitation_but_its_own(visitor: Visitor) -> None:
    ProfileAcademy.objects.create(first_name="Ada", email="ada@example.org")
    visitor.errands.accept()
    assert ProfileAcademy.objects.get().status == ProfileAcademy.Status.INVITED


def test_visitor_keeps_a_cohort_with_students(visitor: Visitor) -> None:
    visitor.sign_up()
    visitor.errands.keep_cohort()
    visitor.errands.invite()
    visitor.errands.accept()
    visitor.errands.add_student()
    cohort = Cohort.objects.get()
    student = cohort.cohort_users.get()
    statuses = set()
    for _ in range(20):
        visitor.errands.change_status()
        visitor.errands.keep_cohort()
        student.refresh_from_db()
        statuses.add(student.educational_status)
    assert len(statuses) > 1
    assert Cohort.objects.get().saved_at > cohort.saved_at


def test_visitor_without_a_cohort_has_no_students(visitor: Visitor) -> None:
    visitor.errands.add_student()
    visitor.errands.change_status()
    assert not CohortUser.objects.exists()


def test_visitor_searches_and_publishes(visitor: Visitor) -> None:
    visitor.errands.search_movie()
    visitor.errands.publish()
    visitor.errands.queue_task()
    assert SearchTerm.objects.exists()
    assert Publication.objects.exists()


def test_visitor_whose_account_is_gone_signs_up_anew(visitor: Visitor) -> None:
    visitor.sign_up()
    visitor.log_out()
    User.objects.all().delete()
    visitor.log_in()
    for _ in range(60):
        visitor.act()
    assert User.objects.exists()


def test_traffic_runs_for_the_time_it_is_given(demo: Demo) -> None:
    before = len(demo.output)
    output = demo.manage("traffic", "--url", demo.wait_for_url(), "--rate", "20", "--seconds", "3")
    actions, failed = output.split(" actions, ")
    assert int(actions) >= 1
    assert failed.startswith("0 failed, ")
    assert "Traceback" not in demo.output[before:]


def test_traffic_without_a_site_says_what_to_start() -> None:
    with pytest.raises(CommandError, match=r"does not answer at http://127\.0\.0\.1:9/ .* python manage\.py demo"):
        call_command("traffic", url="http://127.0.0.1:9/")


def test_traffic_refuses_a_rate_of_nothing() -> None:
    with pytest.raises(CommandError, match="'0' is not a number above 0"):
        call_command("traffic", "--rate", "0")


@pytest.mark.django_db
def test_tidy_keeps_the_newest_visitors_and_everyone_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "USERS_KEPT", 2)
    seed()
    for number in range(4):
        User.objects.create_user(f"{NAME_PREFIX}{number}")
    crowd.tidy()
    names = set(User.objects.values_list("username", flat=True))
    assert names == {"demo", "ada", "grace", "tove", f"{NAME_PREFIX}2", f"{NAME_PREFIX}3"}


@pytest.mark.django_db
def test_tidy_keeps_the_newest_todos_of_visitors_and_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "TODOS_KEPT", 1)
    owner = User.objects.create_user(f"{NAME_PREFIX}1")
    for title in ("first", "second"):
        Todo.objects.create(title=title, owner=owner)
        Todo.objects.create(title=f"shared {title}")
    crowd.tidy()
    assert set(Todo.objects.values_list("title", flat=True)) == {"second", "shared first", "shared second"}


@pytest.mark.django_db
def test_tidy_keeps_the_newest_of_the_academy_and_what_people_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "COHORTS_KEPT", 1)
    monkeypatch.setattr(crowd, "ROWS_KEPT", 1)
    for name in (f"{NAME_PREFIX}1", f"{NAME_PREFIX}2", "person"):
        email = f"{name}@example.org"
        cohort = Cohort.objects.create(slug=name, name=name)
        student = CohortUser.objects.create(cohort=cohort, user=User.objects.create_user(name, email))
        for _ in range(2):
            CohortTask.objects.create(cohort_user=student, title="Say hello", process_id=1)
        ProfileAcademy.objects.create(email=email)
        FormEntry.objects.create(email=email)
        SearchTerm.objects.create(text=name)
    crowd.tidy()
    kept = {f"{NAME_PREFIX}2", "person"}
    assert set(Cohort.objects.values_list("slug", flat=True)) == kept
    assert set(SearchTerm.objects.values_list("text", flat=True)) == kept
    for rows in (ProfileAcademy.objects, FormEntry.objects):
        assert set(rows.values_list("email", flat=True)) == {f"{name}@example.org" for name in kept}
    assert list(CohortTask.objects.values_list("cohort_user__user__username", flat=True)) == [
        "person",
        "person",
        f"{NAME_PREFIX}2",
    ]


@pytest.mark.django_db
def test_seeding_again_adds_nothing() -> None:
    seed()
    models = (User, Todo, Cohort, ProfileAcademy, FormEntry)
    before = [model._default_manager.count() for model in models]
    assert all(before)
    seed()
    assert [model._default_manager.count() for model in models] == before
    assert User.objects.get(username="demo").check_password("demo")
