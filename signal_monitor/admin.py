"""The link to the dashboard in the index of Django's admin, for those who may see the dashboard.

The admin imports this module if it is installed. The link is an entry of the index as models have them: no template of
the admin is replaced, and so a project may have its own. There is no model behind it, and therefore no table, no
content type and no permission.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, HttpResponseRedirect
from django.urls import NoReverseMatch, URLPattern, path, reverse

from .conf import get_config
from .dashboard.access import may_view


class _Meta:
    """What the admin asks of a model, to list it."""

    app_label = "signal_monitor"
    model_name = "dashboard"
    object_name = "Dashboard"
    label = "signal_monitor.Dashboard"
    label_lower = "signal_monitor.dashboard"
    verbose_name = verbose_name_plural = verbose_name_raw = "dashboard"
    abstract = swapped = is_composite_pk = managed = proxy = False
    app_config = None
    fields = many_to_many = related_objects = private_fields = ()

    def get_fields(self, *_args: object, **_kwargs: object) -> tuple[()]:
        return ()


class Dashboard:
    """Stands for the dashboard among the models of the index."""

    _meta = _Meta()


if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class DashboardAdmin(ModelAdmin):
    """Lists the dashboard where the URLs of a request include it, for those who may see it, and leads there."""

    def get_urls(self) -> list[URLPattern]:
        """The address to which the index links."""
        name = f"{_Meta.app_label}_{_Meta.model_name}_changelist"
        return [path("", self.admin_site.admin_view(self.open), name=name)]

    def open(self, request: HttpRequest) -> HttpResponse:
        """Lead to the dashboard."""
        address = _address(request)
        return HttpResponseRedirect(address) if address else HttpResponseNotFound()

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the index lists it."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Whether there is a dashboard, and this person may see it."""
        return bool(_address(request)) and may_view(request)

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """Nothing can be added, changed or deleted."""
        return {"add": False, "change": False, "delete": False, "view": self.has_view_permission(request)}


def _address(request: HttpRequest) -> str:
    """Where the dashboard is; "" if the URLs do not include it."""
    try:
        return reverse("signal_monitor:overview", urlconf=getattr(request, "urlconf", None))
    except NoReverseMatch:
        return ""


if get_config().ADMIN_LINK:
    admin.site.register([Dashboard], DashboardAdmin)  # it is listed, and nothing else
