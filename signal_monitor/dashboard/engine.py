"""The template engine of the pages: their own, so that they look the same whatever TEMPLATES says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from django.http import HttpResponse
from django.template import Context, Engine, Template

from signal_monitor.text import encodable

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


def render_page(name: str, values: Mapping[str, Any], status: int = 200) -> HttpResponse:
    """A response with a whole page."""
    html = encodable(find_template(name).render(Context(dict(values))))
    return HttpResponse(html.replace("\0", "\\x00"), status=status)
