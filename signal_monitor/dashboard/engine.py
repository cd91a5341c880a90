"""The template engine of the pages: their own, so that they look the same whatever TEMPLATES says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.template import Context, Engine, Template
from django.templatetags.static import static

from signal_monitor.text import MAX_LINE, cleaned, encodable

PLAIN = "text/plain; charset=utf-8"
WITHOUT_HTMX = 'The pages of the signal monitor need django-htmx: add "django_htmx" to INSTALLED_APPS.\n'
WITHOUT_FILES = 'The pages of the signal monitor need their static files: run "python manage.py collectstatic".\n'
TEMPLATES = Path(__file__).parents[1] / "templates"
LIBRARIES = {
    "django_htmx": "django_htmx.templatetags.django_htmx",
    "signal_monitor": "signal_monitor.templatetags.signal_monitor",
    "static": "django.templatetags.static",
}


@cache
def _engine() -> Engine:
    return Engine(dirs=[str(TEMPLATES)], libraries=LIBRARIES)


def find_template(name: str) -> Template:
    """A template of the pages, by its name."""
    return _engine().get_template(name)


def missing_part() -> str | None:
    """What whole pages need and the project does not have, and how to get it; or None."""
    if not apps.is_installed("django_htmx"):
        return WITHOUT_HTMX
    try:
        static("signal_monitor/signal_monitor.css")
    except ValueError:  # the storage has a manifest, in which the file is not listed
        return WITHOUT_FILES
    except ImproperlyConfigured as error:
        return f"The pages of the signal monitor need their static files: {cleaned(str(error), MAX_LINE)}\n"
    return None


def render_page(name: str, values: Mapping[str, Any], status: int = 200) -> HttpResponse:
    """A response with a whole page; with a line of text if that cannot be shown."""
    if text := missing_part():
        return HttpResponse(text, status=503, content_type=PLAIN)
    html = encodable(find_template(name).render(Context(dict(values))))
    return HttpResponse(html.replace("\0", "\\x00"), status=status)
