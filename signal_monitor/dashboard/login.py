"""The login page of a project, for people who are not logged in."""

from __future__ import annotations

from urllib.parse import urlencode

from django.apps import apps
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME, get_user_model
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, get_script_prefix, is_valid_path

from signal_monitor.conf import get_config
from signal_monitor.dashboard.addresses import browser_path


def find_login(request: HttpRequest) -> str:
    """The address of a login page that leads back to a request's page; "" if there is none.

    The admin's comes first, because it asks for a staff user. LOGIN_URL does if a rule of the project's own decides, or
    if nobody is staff.
    """
    names = [settings.LOGIN_URL, "admin:login"]
    if has_staff() and not get_config().ACCESS:
        names.reverse()
    pages = [_address(name) for name in names]
    page = next(filter(None, pages), "")
    if not page:
        return ""
    query = request.META.get("QUERY_STRING", "")
    back = f"{browser_path(request)}?{query}" if query else browser_path(request)
    return f"{page}{'&' if '?' in page else '?'}{urlencode({REDIRECT_FIELD_NAME: back})}"


def has_staff() -> bool:
    """Whether users can be staff: a user model may have no ``is_staff``."""
    return not apps.is_installed("django.contrib.auth") or hasattr(get_user_model(), "is_staff")


def _address(name: object) -> str:
    """The address of a login page, by its name or path; "" if the project has none there.

    The default of LOGIN_URL names a path that many projects do not have.
    """
    try:
        address = resolve_url(str(name))  # reverse_lazy() may raise here, too
    except NoReverseMatch:
        return ""
    path = f"/{address.partition('?')[0].removeprefix(get_script_prefix())}"
    return address if address.startswith(("http://", "https://")) or is_valid_path(path) else ""
