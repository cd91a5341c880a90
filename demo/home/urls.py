"""The front page, and the page of log lines and mail."""

from __future__ import annotations

from django.urls import path
from django.views.generic import TemplateView

from demo.home import views

app_name = "home"
urlpatterns = [
    path("", TemplateView.as_view(template_name="home/index.html"), name="index"),
    path("log/", views.log, name="log"),
]
