"""Paths are shown below the directory that they are imported from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import django
import pytest

from signal_monitor.dashboard.short_paths import short_path


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    short_path.cache_clear()
    yield
    short_path.cache_clear()


def test_files_of_packages_and_of_the_project_are_short() -> None:
    assert short_path(f"{Path(django.__file__).parent}/db/models/query.py") == "django/db/models/query.py"


def test_the_innermost_directory_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", "/", "/srv/shop", "/srv/shop/apps/", "C:\\shop"])
    assert short_path("/srv/shop/orders/views.py") == "orders/views.py"
    assert short_path("/srv/shop/apps/orders/views.py") == "orders/views.py"
    assert short_path("/srv/shopping/views.py") == "/srv/shopping/views.py"
    assert short_path("C:\\shop\\orders\\views.py") == "orders\\views.py"
    assert short_path("<frozen importlib>") == "<frozen importlib>"
