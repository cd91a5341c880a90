"""A user model without ``is_staff``."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models


class Member(AbstractBaseUser, PermissionsMixin):
    """A user, who may be a superuser."""

    name = models.CharField(max_length=20, unique=True)
    is_active = models.BooleanField(default=True)

    objects = BaseUserManager["Member"]()

    USERNAME_FIELD = "name"

    class Meta:
        app_label = "members"

    def __str__(self) -> str:
        return self.name
