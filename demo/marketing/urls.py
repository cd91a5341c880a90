"""Addresses of the marketing app."""

from __future__ import annotations

from django.urls import path

from demo.marketing import views

app_name = "marketing"
urlpatterns = [path("", views.index, name="index")]
