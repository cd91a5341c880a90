"""Addresses of the academy's API."""

from __future__ import annotations

from demo.admissions.api import router

app_name = "academy_api"
urlpatterns = router.urls
