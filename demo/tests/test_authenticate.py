"""The authenticate app: inviting, accepting, and the signal that is sent once the row is saved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from demo.authenticate.models import ProfileAcademy
from demo.authenticate.signals import invite_accepted

INVITED = {"first_name": "Ada", "email": "ada@example.org"}


@pytest.fixture
def profile(db: None) -> ProfileAcademy:
    return ProfileAcademy.objects.create(**INVITED)


@pytest.fixture
def accepted() -> Iterator[list[tuple[Any, ProfileAcademy, str]]]:
    """Each time invite_accepted is sent: the sender, the instance, and the status that its row has then."""
    heard: list[tuple[Any, ProfileAcademy, str]] = []

    def listen(sender: Any, instance: ProfileAcademy, **_kwargs: Any) -> None:
        heard.append((sender, instance, ProfileAcademy.objects.get(pk=instance.pk).status))

    invite_accepted.connect(listen)
    yield heard
    invite_accepted.disconnect(listen)


def test_change_to_active_is_told_after_the_row_is_saved(profile: ProfileAcademy, accepted: list[Any]) -> None:
    profile.status = ProfileAcademy.Status.ACTIVE
    profile.save()
    assert accepted == [(ProfileAcademy, profile, "ACTIVE")]


def test_nothing_else_is_told(profile: ProfileAcademy, accepted: list[Any]) -> None:
    profile.first_name = "Augusta"
    profile.save()
    ProfileAcademy.objects.create(email="grace@example.org", status=ProfileAcademy.Status.ACTIVE).save()
    assert accepted == []


def test_change_that_is_not_saved_is_not_told(profile: ProfileAcademy, accepted: list[Any]) -> None:
    profile.status = ProfileAcademy.Status.ACTIVE
    profile.save(update_fields=["first_name"])
    assert accepted == []


def test_accepting_makes_a_user(profile: ProfileAcademy) -> None:
    profile.accept()
    user = User.objects.get()
    assert (profile.user, user.username, user.email, user.first_name) == (user, "ada", "ada@example.org", "Ada")
    assert not user.has_usable_password()


def test_accepting_finds_the_user_of_the_email(profile: ProfileAcademy) -> None:
    user = User.objects.create_user("countess", "Ada@Example.org")
    profile.accept()
    assert profile.user == user


def test_accepting_takes_another_name_where_it_is_taken(profile: ProfileAcademy) -> None:
    User.objects.create_user("ada", "other@example.org")
    profile.accept()
    assert profile.user is not None
    assert profile.user.username.startswith("ada-")


@pytest.mark.django_db
def test_page_invites(client: Client) -> None:
    page = client.post("/academy/invitations/invite/", INVITED, follow=True).text
    assert ProfileAcademy.objects.get().status == ProfileAcademy.Status.INVITED
    assert "Invited: Ada &lt;ada@example.org&gt;" in page
    assert 'aria-label="Accept for ada@example.org"' in page


def test_page_says_who_is_invited_already(client: Client, profile: ProfileAcademy) -> None:
    response = client.post("/academy/invitations/invite/", INVITED)
    assert response.status_code == 200
    assert "already exists" in response.text


def test_page_accepts_once(client: Client, profile: ProfileAcademy) -> None:
    path = f"/academy/invitations/{profile.pk}/accept/"
    assert "Ada has accepted, as user ada." in client.post(path, follow=True).text
    assert "Ada has accepted, as user ada." in client.post(path, follow=True).text
    profile.refresh_from_db()
    assert (profile.status, profile.user) == (ProfileAcademy.Status.ACTIVE, User.objects.get())
