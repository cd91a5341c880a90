"""The dashboard in the index of the admin: for those who may see it, and only where there is one."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.core import checks
from django.http import HttpRequest
from django.test import Client
from django.urls import path
from pytest_django.fixtures import Settings

LINK = 'href="/admin/signal_monitor/dashboard/"'
pytestmark = pytest.mark.django_db


def nobody(_request: HttpRequest) -> bool:
    """An ACCESS rule that lets nobody in."""
    return False


@pytest.fixture
def staff(client: Client) -> Client:
    """A staff user without any permission, who is logged in."""
    client.force_login(User.objects.create_user("staff", is_staff=True))
    return client


def test_index_lists_it_and_leads_there(staff: Client) -> None:
    """No permission is needed, and nothing can be added or changed."""
    html = staff.get("/admin/").content.decode()

    assert html.count(LINK) >= 1
    assert "/admin/signal_monitor/dashboard/add/" not in html
    assert staff.get("/admin/signal_monitor/").status_code == 200
    assert staff.get("/admin/signal_monitor/dashboard/")["Location"] == "/signals/"


def test_those_who_may_not_see_it_get_no_link(staff: Client, settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {**settings.SIGNAL_MONITOR, "ACCESS": "tests.dashboard.test_admin.nobody"}

    assert LINK not in staff.get("/admin/").content.decode()


def test_without_the_pages_there_is_no_link(staff: Client, settings: Settings) -> None:
    urls = types.ModuleType("urls_without_pages")
    urls.urlpatterns = [path("admin/", admin.site.urls)]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = urls

    assert LINK not in staff.get("/admin/").content.decode()
    assert staff.get("/admin/signal_monitor/dashboard/").status_code == 404


def test_it_is_no_model() -> None:
    assert list(apps.get_app_config("signal_monitor").get_models()) == []
    assert [problem for problem in checks.run_checks(tags=["admin"]) if "signal_monitor" in str(problem.obj)] == []


SWITCHED_OFF = """
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["signal_monitor", "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.messages", "django.contrib.sessions"],
    SIGNAL_MONITOR={"STORE": "memory", "ADMIN_LINK": False},
)
django.setup()
from django.contrib import admin
print([model.__name__ for model in admin.site._registry])
"""


def test_it_can_be_switched_off() -> None:
    answer = subprocess.run([sys.executable, "-c", SWITCHED_OFF], check=True, capture_output=True, text=True)

    assert answer.stdout.strip() == "['Group', 'User']"
