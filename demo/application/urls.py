"""Addresses of the application app."""

from __future__ import annotations

from django.urls import path

from demo.application import views

app_name = "application"
urlpatterns = [
    path("", views.index, name="index"),
    path("queue/", views.queue, name="queue"),
]
