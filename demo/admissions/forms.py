"""Forms of the admissions app."""

from __future__ import annotations

from django import forms
from django.contrib.auth.models import User
from django.db.models import QuerySet

from demo.admissions.models import Cohort, CohortUser
from demo.authenticate.models import ProfileAcademy


class CohortForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """The fields of a cohort on a page; the serializer validates and saves them."""

    class Meta:
        model = Cohort
        fields = ("slug", "name", "kickoff_date")
        widgets = {"kickoff_date": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})}


class StudentForm(forms.Form):
    """Users who may join a cohort: they have accepted an invitation and are not in it yet."""

    user = forms.ModelChoiceField(User.objects.none(), label="Student", empty_label=None)

    def __init__(self, cohort: Cohort, data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]  # a request's POST, or nothing
        self.fields["user"].queryset = candidates(cohort)  # type: ignore[attr-defined]  # a ModelChoiceField


class StatusForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """The educational status of a student."""

    class Meta:
        model = CohortUser
        fields = ("educational_status",)


def candidates(cohort: Cohort) -> QuerySet[User]:
    """Users who may join the cohort; those who accepted last come first."""
    accepted = User.objects.filter(academy_profiles__status=ProfileAcademy.Status.ACTIVE)
    return accepted.exclude(cohorts=cohort).order_by("-pk").distinct()
