"""The accounts app: every user has a profile, logins are kept, and the monitor sees it all."""

from __future__ import annotations

import pytest
from django.contrib.auth import hashers
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.core import serializers
from django.db import connection
from django.test import Client

from demo.accounts.forms import SignUpForm
from demo.accounts.models import LoginEvent, Profile
from demo.tests.conftest import Recorded

RECEIVERS = "demo.accounts.receivers"
SIGN_UP = {
    "username": "ada",
    "email": "ada@example.org",
    "password1": "correct horse",
    "password2": "correct horse",
    "display_name": "Ada",
    "bio": "Writes programs.",
}


@pytest.mark.django_db
def test_create_profile_gives_new_user_a_profile(recorded: Recorded) -> None:
    user = User.objects.create_user("ada")
    assert Profile.objects.filter(user=user).exists()
    (dispatch,) = recorded(f"{RECEIVERS}.create_profile")
    assert (dispatch.signal, dispatch.sender) == (
        "django.db.models.signals.post_save",
        "django.contrib.auth.models.User",
    )


def test_follow_user_saves_profile_with_user(member: User, recorded: Recorded) -> None:
    member.profile.bio = "Back again."
    member.save()
    assert Profile.objects.get().bio == "Back again."
    assert recorded(f"{RECEIVERS}.follow_user")


def test_follow_user_makes_up_for_a_missing_profile(member: User) -> None:
    Profile.objects.all().delete()
    User.objects.get().save()
    assert Profile.objects.get().user == member


def test_follow_user_logs_deleted_user(member: User, recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "demo")
    member.delete()
    assert "Profile of member went with its user" in caplog.messages
    assert {dispatch.signal for dispatch in recorded(f"{RECEIVERS}.follow_user")} == {
        "django.db.models.signals.post_delete"
    }


@pytest.mark.django_db
def test_name_profile_calls_it_by_its_user(recorded: Recorded) -> None:
    user = User.objects.create_user("ada")
    assert Profile.objects.get(user=user).display_name == "ada"
    (dispatch,) = recorded(f"{RECEIVERS}.name_profile")
    assert (dispatch.sender, dispatch.depth) == ("demo.accounts.models.Profile", 1)


@pytest.mark.django_db
def test_fixture_brings_its_own_profiles() -> None:
    user = User(pk=7, username="from-a-fixture")
    for item in serializers.deserialize("json", serializers.serialize("json", [user])):
        item.save()
    assert User.objects.exists()
    assert not Profile.objects.exists()


def test_record_login_keeps_it(client: Client, member: User, recorded: Recorded) -> None:
    client.post("/accounts/login/", {"username": "member", "password": "secret"})
    assert member.login_events.get().kind == LoginEvent.Kind.LOGIN
    assert recorded(f"{RECEIVERS}.record_login")[0].signal == "django.contrib.auth.signals.user_logged_in"


def test_record_logout_keeps_it(client: Client, member: User, recorded: Recorded) -> None:
    client.force_login(member)
    client.post("/accounts/logout/")
    assert LoginEvent.objects.filter(user=member, kind=LoginEvent.Kind.LOGOUT).count() == 1
    assert recorded(f"{RECEIVERS}.record_logout")[0].signal == "django.contrib.auth.signals.user_logged_out"


@pytest.mark.django_db
def test_logout_of_nobody_is_not_kept(client: Client) -> None:
    client.post("/accounts/logout/")
    assert not LoginEvent.objects.exists()


@pytest.mark.django_db
def test_sign_up_form_saves_user_and_profile() -> None:
    form = SignUpForm(SIGN_UP)
    user = form.save()
    user.refresh_from_db()
    assert (user.email, user.profile.display_name, user.profile.bio) == ("ada@example.org", "Ada", "Writes programs.")


@pytest.mark.django_db
def test_sign_up_form_without_commit_saves_nothing() -> None:
    SignUpForm(SIGN_UP).save(commit=False)
    assert not User.objects.exists()


@pytest.mark.django_db
def test_sign_up_form_wants_an_email() -> None:
    assert "email" in SignUpForm({**SIGN_UP, "email": ""}).errors


@pytest.mark.django_db
def test_sign_up_page_logs_in_and_welcomes(client: Client) -> None:
    response = client.post("/accounts/sign-up/", SIGN_UP, follow=True)
    assert response.redirect_chain == [("/accounts/profile/", 302)]
    assert "Welcome, Ada." in response.text


@pytest.mark.django_db
def test_sign_up_page_says_what_is_wrong(client: Client) -> None:
    response = client.post("/accounts/sign-up/", {**SIGN_UP, "password2": "something else"})
    assert response.status_code == 200
    assert "errorlist" in response.text
    assert not User.objects.exists()


@pytest.mark.django_db
def test_profile_page_asks_to_log_in(client: Client) -> None:
    assert client.get("/accounts/profile/").headers["Location"] == "/accounts/login/?next=/accounts/profile/"


def test_profile_page_saves(client: Client, member: User) -> None:
    client.force_login(member)
    client.post("/accounts/profile/", {"display_name": "M", "bio": ""})
    assert Profile.objects.get().display_name == "M"


@pytest.mark.django_db
def test_second_click_on_sign_up_leads_to_the_profile(client: Client) -> None:
    assert client.post("/accounts/sign-up/", SIGN_UP).status_code == 302
    other = Client()
    response = other.post("/accounts/sign-up/", SIGN_UP)
    assert (response.status_code, response.headers["Location"]) == (302, "/accounts/profile/")
    assert User.objects.count() == 1
    wrong = {**SIGN_UP, "password1": "something else", "password2": "something else"}
    assert "already exists" in Client().post("/accounts/sign-up/", wrong).text


@pytest.mark.django_db(transaction=True)
def test_sign_up_hashes_before_it_takes_the_lock(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    in_transaction = []

    class Hasher(MD5PasswordHasher):
        def encode(self, *args: str) -> str:
            in_transaction.append(connection.in_atomic_block)
            return super().encode(*args)

    monkeypatch.setattr(hashers, "get_hashers", lambda: [Hasher()])
    monkeypatch.setattr(hashers, "get_hasher", lambda algorithm="default": Hasher())
    assert client.post("/accounts/sign-up/", SIGN_UP).status_code == 302
    assert in_transaction
    assert not any(in_transaction)
