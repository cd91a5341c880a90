"""Links that open a file in the editor, where EDITOR_URL is set."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor.records import Failure, Frame, ReceiverCall
from signal_monitor.stores import Store, get_store
from signal_monitor.stores.base import Batch
from tests.dashboard.examples import dispatch, process

PATH = "/site/my shop/a&b.py"


def put(store: Store) -> None:
    failure = Failure("ValueError", "no", (Frame(PATH, 12, "pack"),))
    call = ReceiverCall("shop.receivers.pack", 0, outcome="raised", failure=failure)
    store.write(Batch(process(), dispatches=[dispatch("d1", call)]))


def links(path: str) -> list[str]:
    page = Client().get(f"/signals/{path}").content.decode()
    return re.findall(r'<a class="place" href="([^"]+)"', page)


@pytest.mark.parametrize("path", ["errors/", "dispatches/d1/"])
def test_a_line_opens_in_the_editor(settings: Settings, quiet_store: Store, path: str) -> None:
    put(quiet_store)
    assert links(path) == []

    settings.SIGNAL_MONITOR = {**settings.SIGNAL_MONITOR, "EDITOR_URL": "vscode://file{path}:{line}"}
    put(get_store())  # the change of the setting has given a new one
    assert set(links(path)) == {"vscode://file/site/my%20shop/a%26b.py:12"}
