"""The model that is saved."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Item(models.Model):
    """A row."""

    name = models.CharField(max_length=100)
    price = models.PositiveIntegerField(default=0)

    objects: ClassVar[models.Manager[Item]] = models.Manager()

    def __str__(self) -> str:
        return self.name
