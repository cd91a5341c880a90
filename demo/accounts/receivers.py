"""Every user has a profile, whichever way the user came to be; logins and logouts are kept."""

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
    """Save the profile whenever its user is saved, and log that it went when its user is deleted."""
    if signal is post_delete:
        logger.info("Profile of %s went with its user", instance)
    elif not (kwargs["created"] or kwargs["raw"]):
        _profile_of(instance).save()


def _profile_of(user: User) -> Profile:
    try:
        return user.profile
    except Profile.DoesNotExist:  # of a user who came from a fixture
        return Profile(user=user)


def name_profile(sender: type[Profile], instance: Profile, raw: bool, **_kwargs: object) -> None:  # noqa: FBT001
    """Call a profile without a name by its user's; connected by the lazy name "accounts.Profile"."""
    if not (instance.display_name or raw):
        instance.display_name = instance.user.get_username()
        Profile.objects.filter(pk=instance.pk).update(display_name=instance.display_name)


post_save.connect(name_profile, sender="accounts.Profile")


@receiver(user_logged_in)
def record_login(sender: type[User], user: User, **_kwargs: object) -> None:
    """Keep when a user logged in."""
    LoginEvent.objects.create(user=user, kind=LoginEvent.Kind.LOGIN)


@receiver(user_logged_out)
def record_logout(sender: type[User], user: User | None, **_kwargs: object) -> None:
    """Keep when a user logged out; Django sends the signal for someone who was not logged in, too."""
    if user is not None:
        LoginEvent.objects.create(user=user, kind=LoginEvent.Kind.LOGOUT)
