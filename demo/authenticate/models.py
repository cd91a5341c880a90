"""People who are invited to the academy, or have accepted."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import models, transaction
from django.utils.crypto import get_random_string

from demo.authenticate.signals import invite_accepted


class ProfileAcademy(models.Model):
    """A place at the academy; it has no user until the invitation is accepted."""

    class Status(models.TextChoices):
        """Whether the invitation is accepted."""

        INVITED = "INVITED", "invited"
        ACTIVE = "ACTIVE", "active"

    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="academy_profiles")
    email = models.EmailField("e-mail", unique=True)
    first_name = models.CharField(max_length=60)
    status = models.CharField(max_length=7, choices=Status, default=Status.INVITED)
    invited_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name_plural = "academy profiles"

    def __str__(self) -> str:
        return f"{self.first_name} <{self.email}>"

    def save(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the base's signature
        """Save, and send the signal if the invitation was accepted."""
        was_invited = self._stored_status() == self.Status.INVITED
        super().save(*args, **kwargs)
        if was_invited and self._stored_status() == self.Status.ACTIVE:
            invite_accepted.send(sender=ProfileAcademy, instance=self)

    def accept(self) -> None:
        """Accept the invitation once, and create a user if there is none with this e-mail address."""
        with transaction.atomic():
            if self._stored_status() == self.Status.ACTIVE:
                self.refresh_from_db()
                return
            self.user = User.objects.filter(email__iexact=self.email).order_by("pk").first() or self._make_user()
            self.status = self.Status.ACTIVE
            self.save()

    def _stored_status(self) -> str | None:
        return ProfileAcademy.objects.filter(pk=self.pk).values_list("status", flat=True).first()

    def _make_user(self) -> User:
        name = self.email.partition("@")[0][:100]
        if User.objects.filter(username=name).exists():
            name = f"{name}-{get_random_string(6).lower()}"
        return User.objects.create_user(name, self.email, first_name=self.first_name)
