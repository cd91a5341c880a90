"""``manage.py traffic``: visitors who click for real, and clean up behind themselves."""

from __future__ import annotations

import random
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from pytest_django.live_server_helper import LiveServer

from demo.home import crowd
from demo.home.seeding import seed
from demo.home.visitors import NAME_PREFIX, Visitor
from demo.pitfalls.models import Press
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
    assert Press.objects.exists()


def test_visitor_whose_account_is_gone_signs_up_anew(visitor: Visitor) -> None:
    visitor.sign_up()
    visitor.log_out()
    User.objects.all().delete()
    visitor.log_in()
    for _ in range(60):
        visitor.act()
    assert User.objects.exists()


def test_traffic_runs_for_the_time_it_is_given(live_server: LiveServer) -> None:
    output = StringIO()
    call_command("traffic", url=live_server.url, rate=20.0, seconds=1.0, stdout=output)
    actions, failed = output.getvalue().split(" actions, ")
    assert int(actions) >= 5
    assert failed.startswith("0 failed, ")


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
def test_seeding_again_adds_nothing() -> None:
    seed()
    before = User.objects.count(), Todo.objects.count()
    seed()
    assert (User.objects.count(), Todo.objects.count()) == before
    assert User.objects.get(username="demo").check_password("demo")
