"""Forms of the marketing app."""

from __future__ import annotations

from django import forms

from demo.marketing.models import FormEntry


class EntryForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Leave an e-mail address."""

    class Meta:
        model = FormEntry
        fields = ("first_name", "email")
