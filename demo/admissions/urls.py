"""Addresses of the admissions app."""

from __future__ import annotations

from django.urls import path

from demo.admissions import views

app_name = "admissions"
urlpatterns = [
    path("", views.index, name="index"),
    path("<slug:slug>/", views.cohort, name="cohort"),
    path("<slug:slug>/students/", views.add_student, name="add_student"),
    path("<slug:slug>/students/<int:pk>/", views.set_status, name="set_status"),
]
