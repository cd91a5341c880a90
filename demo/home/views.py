"""The page of what receivers and tasks have written."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from demo.home.output import log_lines, mails

LINES_SHOWN = 60
MAILS_SHOWN = 20


@require_safe
def log(request: HttpRequest) -> HttpResponse:
    """The newest log lines and mails of all processes."""
    requests = "requests" in request.GET
    context = {
        "lines": log_lines(settings.LOG_DIRECTORY, LINES_SHOWN, requests=requests),
        "mails": mails(settings.MAIL_DIRECTORY, MAILS_SHOWN),
        "requests": requests,
    }
    return render(request, "home/log.html", context)
