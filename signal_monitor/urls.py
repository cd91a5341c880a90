"""Include this in your URLs: ``path("signals/", include("signal_monitor.urls"))``."""

from __future__ import annotations

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

# System checks of an app that is not installed do not run.
if apps.apps_ready and not apps.is_installed("signal_monitor"):
    raise ImproperlyConfigured(
        "The URLs include 'signal_monitor.urls', but 'signal_monitor' is not in INSTALLED_APPS. Add it before your own "
        "apps, or remove the include()."
    )

from signal_monitor.dashboard.urls import app_name, urlpatterns

__all__ = ["app_name", "urlpatterns"]
