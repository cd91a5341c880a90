"""The models of the project, as forms and addresses name them."""

from __future__ import annotations

from collections.abc import Sequence

from django.apps import apps
from django.db.models import Model

from signal_monitor.registry.model_steps import Action, options_of

ASKED: dict[Action, str] = {
    "created": "is created",
    "saved": "is saved",
    "deleted": "is deleted",
    "changed": "changes its many-to-many",
}


def model_labels() -> list[tuple[str, str]]:
    """The labels of the models that code names, and what a form shows for them: the project's own first."""
    found = [
        (options.label, f"{options.object_name} · {options.app_config.name}")
        for options in map(options_of, apps.get_models())
        if options.app_config is not None
    ]
    return sorted(found, key=lambda pair: (pair[1].partition(" · ")[2].startswith("django."), pair[1].casefold()))


def model_labelled(label: str) -> type[Model] | None:
    """The model with this label, in any case; None if there is none."""
    models = {options_of(model).label.casefold(): model for model in apps.get_models(include_auto_created=True)}
    return models.get(label.casefold())


def all_labels() -> Sequence[str]:
    """The labels of all models."""
    return [options_of(model).label for model in apps.get_models(include_auto_created=True)]
