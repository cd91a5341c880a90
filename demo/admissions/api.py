"""The API of cohorts."""

from __future__ import annotations

from rest_framework import mixins, viewsets
from rest_framework.routers import SimpleRouter

from demo.admissions.models import Cohort
from demo.admissions.serializers import CohortSerializer


class CohortViewSet(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    viewsets.GenericViewSet,
):
    """List, create, retrieve and update cohorts."""

    queryset = Cohort.objects.all()
    serializer_class = CohortSerializer
    lookup_field = "slug"


router = SimpleRouter()
router.register("cohorts", CohortViewSet)
