"""Sign-up and profile; login and logout are Django's own views."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import authenticate, login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from demo.accounts.forms import ProfileForm, SignUpForm
from demo.accounts.models import LoginEvent, Profile
from demo.accounts.signals import signed_up

EVENTS_SHOWN = 8


@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """Create an account, and log in with it."""
    form = SignUpForm(request.POST or None)
    if form.is_valid():
        user = form.save()
        signed_up.send(sender=User, user=user)
        login(request, user)
        messages.success(request, f"Welcome, {user.profile}.")
        return redirect("accounts:profile")
    if signed_up_before := _just_signed_up(request):
        login(request, signed_up_before)
        return redirect("accounts:profile")
    return render(request, "accounts/sign_up.html", {"form": form})


def _just_signed_up(request: HttpRequest) -> User | None:
    """The user that the first click of a double click has created."""
    name, password = request.POST.get("username"), request.POST.get("password1")
    user = authenticate(request, username=name, password=password) if name and password else None
    return user if isinstance(user, User) else None


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Show and change the user's own profile."""
    mine = get_object_or_404(Profile, user_id=request.user.pk)
    form = ProfileForm(request.POST or None, instance=mine)
    if form.is_valid():
        form.save()
        messages.success(request, "Profile saved.")
        return redirect("accounts:profile")
    context = {"form": form, "events": LoginEvent.objects.filter(user_id=mine.user_id)[:EVENTS_SHOWN]}
    return render(request, "accounts/profile.html", context)
