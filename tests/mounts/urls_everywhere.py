"""The pages in many places at once."""

from __future__ import annotations

from django.conf.urls.i18n import i18n_patterns
from django.urls import include, path, re_path
from django.utils.translation import gettext_lazy

from tests.mounts.urls import urlpatterns as site

pages = include("signal_monitor.urls")
urlpatterns = [
    *site,
    path("intern/überwachung/", pages),
    path("deep/", include([path("er/", include([path("signals/", pages)]))])),
    re_path(r"^(?:watch|observe)/", include("signal_monitor.urls", namespace="regex")),
    re_path(r"^(\d+)/unnamed/", pages),
    path("<slug:page>/of/<int:tenant>/", pages),
    *i18n_patterns(path("signals/", pages), path(gettext_lazy("Search"), include([path("/", pages)]))),
]
