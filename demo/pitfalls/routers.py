"""The database of enrolments."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the settings import this module
    from django.db import models

ENROLMENTS = "enrolments"
MODEL = ("pitfalls", "enrolment")


class EnrolmentRouter:
    """Keeps enrolments in a database of their own, and everything else out of it."""

    def db_for_read(self, model: type[models.Model], **_hints: object) -> str | None:
        """The database to read a model from."""
        options = model._meta  # noqa: SLF001 - a documented name
        return ENROLMENTS if (options.app_label, options.model_name) == MODEL else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **_hints: object) -> bool | None:
        """Whether a database has the table of a model."""
        if db == ENROLMENTS or (app_label, model_name) == MODEL:
            return db == ENROLMENTS and (app_label, model_name) == MODEL
        return None
