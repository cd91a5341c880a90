"""The pages of the site that is measured."""

from __future__ import annotations

from django.urls import path

from . import views

urlpatterns = [path("", views.save_all), path("usage/", views.usage)]
