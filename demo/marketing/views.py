"""The page of form entries, tags and tasks."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from demo.marketing.forms import EntryForm
from demo.marketing.models import CohortTask, FormEntry, Tag

SHOWN = 10


@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """A form to leave an e-mail address, the entries, and the newest tags and tasks."""
    form = EntryForm(request.POST or None)
    if form.is_valid():
        messages.success(request, f"Noted: {form.save()}")
        return redirect("marketing:index")
    context = {
        "form": form,
        "entries": FormEntry.objects.select_related("user")[:SHOWN],
        "tags": Tag.objects.select_related("cohort")[:SHOWN],
        "tasks": CohortTask.objects.select_related("cohort_user__user", "cohort_user__cohort")[:SHOWN],
    }
    return render(request, "marketing/index.html", context)
