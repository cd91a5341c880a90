"""Addresses of the todos app."""

from __future__ import annotations

from django.urls import path

from demo.todos import views

app_name = "todos"
urlpatterns = [
    path("", views.index, name="index"),
    path("add/", views.add, name="add"),
    path("<int:pk>/delete/", views.delete, name="delete"),
    path("<int:pk>/<str:how>/", views.mark, name="mark"),
]
