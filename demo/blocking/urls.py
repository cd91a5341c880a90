"""Addresses of the blocking app."""

from __future__ import annotations

from django.urls import path

from demo.blocking import views

app_name = "blocking"
urlpatterns = [
    path("", views.index, name="index"),
    path("<slug:how>/", views.publish, name="publish"),
]
