"""Pages of cohorts and their students."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from demo.admissions.forms import CohortForm, StatusForm, StudentForm
from demo.admissions.models import Cohort, CohortUser
from demo.admissions.serializers import CohortSerializer
from demo.home.methods import post_or_page

SHOWN = 30


@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """The newest cohorts, and a form to create one."""
    form = CohortForm()
    if request.method == "POST":
        form, saved = _save_through_serializer(request, None)
        if saved:
            return redirect("admissions:cohort", slug=saved.slug)
    cohorts = Cohort.objects.annotate(size=Count("cohort_users"))[:SHOWN]
    context = {"form": form, "cohorts": cohorts}
    return render(request, "admissions/index.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def cohort(request: HttpRequest, slug: str) -> HttpResponse:
    """One cohort: its students, and a form to change it."""
    shown = get_object_or_404(Cohort, slug=slug)
    form = CohortForm(instance=shown)
    if request.method == "POST":
        form, saved = _save_through_serializer(request, shown)
        if saved:
            return redirect("admissions:cohort", slug=saved.slug)
        shown.refresh_from_db()  # validating the form has changed the instance
    students = shown.cohort_users.select_related("user")
    context = {
        "cohort": shown,
        "form": form,
        "student_form": StudentForm(shown),
        "rows": [(student, StatusForm(instance=student, auto_id=False)) for student in students],
    }
    return render(request, "admissions/cohort.html", context)


@post_or_page("admissions:index")
def add_student(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a user to a cohort."""
    joined = get_object_or_404(Cohort, slug=slug)
    form = StudentForm(joined, request.POST)
    if form.is_valid():
        user = form.cleaned_data["user"]
        student, _created = CohortUser.objects.get_or_create(cohort=joined, user=user)
        messages.success(request, f"Joined: {student}")
    elif joined_before := joined.cohort_users.filter(user__in=_numbers(request.POST.get("user"))).first():
        messages.success(request, f"Joined: {joined_before}")
    else:
        messages.error(request, "Nobody joined: choose a user who has accepted an invitation.")
    return redirect("admissions:cohort", slug=slug)


@post_or_page("admissions:index")
def set_status(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Change the educational status of a student."""
    student = get_object_or_404(CohortUser.objects.select_related("user", "cohort"), cohort__slug=slug, pk=pk)
    form = StatusForm(request.POST, instance=student)
    if form.is_valid():
        form.save()
        messages.success(request, f"{student}: {student.get_educational_status_display()}")
    else:
        messages.error(request, "There is no such status.")
    return redirect("admissions:cohort", slug=slug)


def _numbers(text: str | None) -> list[int]:
    """The primary key that a form names, if it is a number."""
    return [int(text)] if text and text.isdecimal() else []


def _save_through_serializer(request: HttpRequest, instance: Cohort | None) -> tuple[CohortForm, Cohort | None]:
    fields = {name: value or None for name, value in request.POST.items()}
    serializer = CohortSerializer(instance, data=fields)
    if serializer.is_valid():
        saved: Cohort = serializer.save()
        messages.success(request, f"Saved: {saved}")
        return CohortForm(instance=saved), saved
    form = CohortForm(request.POST, instance=instance)
    form.errors.clear()  # the serializer validates too, and both would report the same error
    for name, errors in serializer.errors.items():
        form.add_error(name if name in form.fields else None, list(map(str, errors)))
    return form, None
