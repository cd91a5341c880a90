"""The page of todos."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from demo.home.methods import post_or_page
from demo.todos.forms import TodoForm
from demo.todos.models import Todo

SHOWN = 50
GONE = "This todo is deleted."
MARKS = {"complete": Todo.mark_complete, "done": Todo.mark_done, "undone": Todo.mark_undone}


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The list, open todos first, and a form to add one."""
    return _render_list(request, TodoForm())


@post_or_page("todos:index")
def add(request: HttpRequest) -> HttpResponse:
    """Add a todo to the list."""
    form = TodoForm(request.POST, instance=Todo(owner=request.user if request.user.is_authenticated else None))
    if not form.is_valid():
        return _render_list(request, form)
    messages.success(request, f"Added: {form.save()}")
    return redirect("todos:index")


@post_or_page("todos:index")
def mark(request: HttpRequest, pk: int, how: str) -> HttpResponse:
    """Mark a todo complete, done or undone; complete ones cannot be changed."""
    if how not in MARKS:
        raise Http404
    todo = Todo.objects.of(request.user).filter(pk=pk).first()
    if todo is None:
        messages.info(request, GONE)
    elif todo.status == Todo.Status.COMPLETE:
        messages.info(request, f"Complete: {todo}")
    else:
        MARKS[how](todo)
        messages.success(request, f"Marked {how}: {todo}")
    return redirect("todos:index")


@post_or_page("todos:index")
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a todo."""
    todo = Todo.objects.of(request.user).filter(pk=pk).first()
    if todo is None:
        messages.info(request, GONE)
    else:
        todo.delete()
        messages.success(request, f"Deleted: {todo}")
    return redirect("todos:index")


def _render_list(request: HttpRequest, form: TodoForm) -> HttpResponse:
    todos = Todo.objects.of(request.user)
    context = {
        "form": form,
        "todos": todos[:SHOWN],
        "count": todos.count(),
        "open_count": todos.filter(status=Todo.Status.OPEN).count(),
    }
    return render(request, "todos/index.html", context)
