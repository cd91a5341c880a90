"""Addresses of the authenticate app."""

from __future__ import annotations

from django.urls import path

from demo.authenticate import views

app_name = "authenticate"
urlpatterns = [
    path("", views.index, name="index"),
    path("invite/", views.invite, name="invite"),
    path("<int:pk>/accept/", views.accept, name="accept"),
]
