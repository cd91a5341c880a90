"""What all URLconfs here have: a page of the site that sends signals, and static files."""

from __future__ import annotations

from django.contrib.staticfiles.views import serve
from django.urls import path, re_path

from tests import views

urlpatterns = [path("send/", views.send), re_path(r"^static/(?P<path>.*)$", serve)]
