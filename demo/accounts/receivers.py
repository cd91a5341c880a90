"""Receivers that create a profile for every user, and record logins and logouts."""

from __future__ import annotations

import logging

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import ModelSignal, post_delete, post_save
from django.dispatch import receiver

from demo.accounts.models import LoginEvent, Profile

logger = logging.getLogger(__name__)


def create_profile(sender: type[User], instance: User, created: bool, raw: bool, **_kwargs: object) -> None:  # noqa: FBT001
    """Give a new user a profile."""
    if created and not raw:
        Profile.objects.create(user=instance)


post_save.connect(create_profile, sender=User)


@receiver([post_save, post_delete], sender=User)
def follow_user(sender: type[User], instance: User, signal: ModelSignal, **kwargs: object) -> None:
    """Save the profile whenever its user is saved, and log its deletion with its user."""
    if signal is post_delete:
        logger.info("Profile of %s went with its user", instance)
    elif not (kwargs["created"] or kwargs["raw"]):
        _profile_of(instance).save()


def _profile_of(user: User) -> Profile:
    try:
        return user.profile
    except Profile.DoesNotExist:  # of a user from a fixture
        return Profile(user=user)


def name_profile(sender: type[Profile], instance: Profile, raw: bool, **_kwargs: object) -> None:  # noqa: FBT001
    """Give a profile without a name that of its user; connected by the lazy name "accounts.Profile"."""
    if not (instance.display_name or raw):
        instance.display_name = instance.user.get_username()
        Profile.objects.filter(pk=instance.pk).update(display_name=instance.display_name)


post_save.connect(name_profile, sender="accounts.Profile")


@receiver(user_logged_in)
def record_login(sender: type[User], user: User, **_kwargs: object) -> None:
    """Record a login."""
    LoginEvent.objects.create(user=user, kind=LoginEvent.Kind.LOGIN)


@receiver(user_logged_out)
def record_logout(sender: type[User], user: User | None, **_kwargs: object) -> None:
    """Record a logout; Django also sends the signal for visitors who were not logged in."""
    if user is not None:
        LoginEvent.objects.create(user=user, kind=LoginEvent.Kind.LOGOUT)
