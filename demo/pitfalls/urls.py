"""Addresses of the pitfalls app."""

from __future__ import annotations

from django.urls import path

from demo.pitfalls import views

app_name = "pitfalls"
urlpatterns = [
    path("", views.index, name="index"),
    path("hangs/let-go/", views.let_go, name="let_go"),
    path("blocks-the-event-loop/", views.press_on_loop, {"slug": "blocks-the-event-loop"}),
    path("<slug:slug>/", views.press, name="press"),
]
