"""Configuration that the app and the instrumentor have in common."""

from __future__ import annotations

from django.apps import apps

from .conf import Config
from .instrumentation.catalogue import catalogue
from .instrumentation.plans import forget_plans
from .instrumentation.probes import probes
from .names import Apps


def installed_apps() -> Apps:
    """The names of the installed applications; none before they are loaded."""
    return Apps([app.name for app in apps.get_app_configs()] if apps.ready else ())


def configure_instrumentation(config: Config) -> None:
    """Observe as configured, from the next dispatch on."""
    catalogue.configure(config.slow_limits)
    forget_plans()
    probes.keeps_messages = config.ERROR_MESSAGES
