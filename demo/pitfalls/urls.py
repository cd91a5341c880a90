"""Addresses of the pitfalls app."""

from __future__ import annotations

from django.urls import path

from demo.pitfalls import views

app_name = "pitfalls"
urlpatterns = [
    path("", views.index, name="index"),
    path("<slug:slug>/", views.press, name="press"),
]
