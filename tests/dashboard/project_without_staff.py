"""A project whose users cannot be staff: prints, as JSON, what a superuser, another user and nobody get."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, cast

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

BROWSER = {"Accept": "text/html"}


def log_in(_request: HttpRequest) -> HttpResponse:
    """The login page."""
    return HttpResponse("log in")


urlpatterns = [path("log-in/", log_in), path("signals/", include("signal_monitor.urls"))]


def configure() -> None:
    """Set Django up."""
    settings.configure(
        ALLOWED_HOSTS=["*"],
        AUTH_USER_MODEL="members.Member",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=[
            "signal_monitor",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django_htmx",
            "tests.dashboard.members",
        ],
        LOGIN_URL="/log-in/",
        MIDDLEWARE=[
            "signal_monitor.middleware.SignalMonitorMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        ROOT_URLCONF=__name__,
        SECRET_KEY="for this test",
        SIGNAL_MONITOR={"STORE": "memory"},
        STATIC_URL="static/",
    )
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)


def ask(name: str, *, is_superuser: bool) -> HttpResponse:
    """Ask for the pages as a user."""
    from django.test import Client

    client = Client()
    model: Any = get_user_model()
    client.force_login(model.objects.create(name=name, is_superuser=is_superuser))
    response: Any = client.get("/signals/", headers=BROWSER)
    return cast("HttpResponse", response)


def main() -> None:
    """Print what they get."""
    from django.test import Client

    refusal = ask("other", is_superuser=False).content.decode()
    found = re.search(r"Active .*? monitor\.", refusal)
    answers = {
        "superuser": ask("root", is_superuser=True).status_code,
        "other": found[0] if found else refusal,
        "nobody": Client().get("/signals/", headers=BROWSER).headers["Location"],
    }
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    configure()
    main()
