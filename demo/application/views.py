"""The page with a button that queues a task."""

from __future__ import annotations

import os

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError

from demo.application.models import FinishedTask
from demo.application.tasks import do_some_task
from demo.home.methods import post_or_page

SHOWN = 12


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The finished tasks, newest first."""
    context = {"finished": FinishedTask.objects.all()[:SHOWN], "site_process_id": os.getpid()}
    return render(request, "application/index.html", context)


@post_or_page("application:index")
def queue(request: HttpRequest) -> HttpResponse:
    """Queue the task, and do not wait for it."""
    try:
        task_id = do_some_task.delay().id
    except (OperationalError, OSError) as error:  # from a broker on a server, and from a directory
        messages.error(request, f"The task queue cannot be reached: {error}.")
    else:
        messages.success(request, f"Queued: do_some_task {task_id[:8]}. Reload in a moment to see it done.")
    return redirect("application:index")
