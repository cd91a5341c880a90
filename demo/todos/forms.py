"""Forms of the todos app."""

from __future__ import annotations

from django import forms

from demo.todos.models import Todo


class TodoForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """One line to add a todo."""

    class Meta:
        model = Todo
        fields = ("title",)
        widgets = {"title": forms.TextInput(attrs={"placeholder": "What is to be done?", "autocomplete": "off"})}
