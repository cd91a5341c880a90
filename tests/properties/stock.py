"""Django's dispatcher a second time, under another name: a ``Signal`` that nothing was ever put on."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any
from unittest.mock import patch

from django.db.models import signals
from django.dispatch import dispatcher


def _second_copy(module: ModuleType) -> Any:
    assert module.__file__ is not None
    spec = importlib.util.spec_from_file_location(f"stock_{module.__name__.rpartition('.')[2]}", module.__file__)
    assert spec is not None
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


stock_dispatcher = _second_copy(dispatcher)
with patch.dict(sys.modules, {"django.dispatch": stock_dispatcher}):
    stock_signals = _second_copy(signals)
