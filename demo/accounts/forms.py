"""Forms of the accounts app."""

from __future__ import annotations

from django import forms
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import User
from django.db import transaction

from demo.accounts.models import Profile


class SignUpForm(UserCreationForm):  # type: ignore[type-arg]  # generic in the stubs only
    """The user form with the fields of the profile."""

    email = forms.EmailField()
    display_name = forms.CharField(max_length=60, required=False, help_text="Your user name if left empty.")
    bio = forms.CharField(label="About you", max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 3}))

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username", "email")

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - the base's signature
        """Save the user and the profile, which a receiver has created."""
        # The password is hashed before the transaction begins, because SQLite lets no other process write during one.
        user: User = super().save(commit=False)
        if commit:
            with transaction.atomic():
                user.save()
                self._save_profile(user.profile)
        return user

    def _save_profile(self, profile: Profile) -> None:
        profile.display_name = self.cleaned_data["display_name"] or profile.display_name
        profile.bio = self.cleaned_data["bio"]
        profile.save()


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """The fields that a user may change."""

    class Meta:
        model = Profile
        fields = ("display_name", "bio")
        widgets = {"bio": forms.Textarea(attrs={"rows": 4})}
