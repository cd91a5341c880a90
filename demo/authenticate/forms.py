"""Forms of the authenticate app."""

from __future__ import annotations

from django import forms

from demo.authenticate.models import ProfileAcademy


class InvitationForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """The person to invite."""

    class Meta:
        model = ProfileAcademy
        fields = ("first_name", "email")
