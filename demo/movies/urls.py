"""Addresses of the movies app."""

from __future__ import annotations

from django.urls import path

from demo.movies import views

app_name = "movies"
urlpatterns = [
    path("", views.search, name="search"),
    path("searches/<int:pk>/", views.result, name="result"),
]
