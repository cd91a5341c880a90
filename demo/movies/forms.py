"""Forms of the movies app."""

from __future__ import annotations

from django import forms

from demo.movies.models import LONGEST_TERM

NOW, BACKGROUND = "now", "background"


class SearchForm(forms.Form):
    """Words of a title, and whether the request or a task searches for them."""

    text = forms.CharField(
        label="Title",
        max_length=LONGEST_TERM,
        widget=forms.TextInput(attrs={"placeholder": "finding nemo", "autocomplete": "off"}),
    )
    how = forms.ChoiceField(
        label="Search",
        choices=[(NOW, "Search now, while I wait"), (BACKGROUND, "Search in the background")],
        initial=NOW,
        widget=forms.RadioSelect,
    )
