"""A Django app to be measured: a model, three receivers of its post_save, and a view that saves twenty rows."""

from __future__ import annotations

SAVES = 20
RECEIVERS_A_SAVE = 3
