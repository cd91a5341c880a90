"""The representation of cohorts in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from demo.admissions.models import Cohort
from demo.admissions.signals import cohort_saved


class CohortSerializer(serializers.ModelSerializer):
    """Reads and writes a cohort, and sends a signal for each one that it saves."""

    class Meta:
        model = Cohort
        fields = ("id", "slug", "name", "kickoff_date")

    def create(self, validated_data: dict[str, Any]) -> Cohort:
        """Save a new cohort."""
        cohort: Cohort = super().create(validated_data)
        cohort_saved.send(sender=Cohort, instance=cohort, created=True)
        return cohort

    def update(self, instance: Cohort, validated_data: dict[str, Any]) -> Cohort:
        """Save an existing cohort."""
        cohort: Cohort = super().update(instance, validated_data)
        cohort_saved.send(sender=Cohort, instance=cohort, created=False)
        return cohort
