"""The demo site's pages, the monitor's among them, and pages that make traffic as a test wants it."""

from __future__ import annotations

from django.urls import path, re_path

from demo.urls import urlpatterns as demo_urlpatterns
from tests import views

urlpatterns = [
    *demo_urlpatterns,
    path("send/", views.send, name="send"),
    path("asend/", views.asend, name="asend"),
    re_path(r"^odd/(?P<rest>(?s:.*))$", views.send_oddly),
]
