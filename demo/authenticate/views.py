"""The page to invite people, and to accept invitations."""

from __future__ import annotations

from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from demo.authenticate.forms import InvitationForm
from demo.authenticate.models import ProfileAcademy
from demo.home.methods import post_or_page

SHOWN = 20


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The newest invitations, and a form to invite someone."""
    return _render_invitations(request, InvitationForm())


@post_or_page("authenticate:index")
def invite(request: HttpRequest) -> HttpResponse:
    """Invite someone."""
    form = InvitationForm(request.POST)
    if not form.is_valid():
        return _render_invitations(request, form)
    try:
        messages.success(request, f"Invited: {form.save()}")
    except IntegrityError:  # another request has invited the same person meanwhile
        messages.info(request, f"Invited: {form.instance}")
    return redirect("authenticate:index")


@post_or_page("authenticate:index")
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept an invitation, as the link in a mail would."""
    profile = ProfileAcademy.objects.select_related("user").filter(pk=pk).first()
    if profile is None:
        messages.info(request, "There is no such invitation any more.")
        return redirect("authenticate:index")
    profile.accept()
    messages.success(request, f"{profile.first_name} has accepted, as user {profile.user}.")
    return redirect("authenticate:index")


def _render_invitations(request: HttpRequest, form: InvitationForm) -> HttpResponse:
    profiles = ProfileAcademy.objects.select_related("user")[:SHOWN]
    return render(request, "authenticate/index.html", {"form": form, "profiles": profiles})
