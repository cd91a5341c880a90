"""Jaeger as ``compose.yaml`` starts it: its pages link from a trace to the dispatches of it."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit
from urllib.request import urlopen

from django.test import Client

from tests.support.jaeger import UI_CONFIGURATION, find_jaeger, running_jaeger
from tests.support.servers import ROOT

TRACE = "0af7651916cd43dd8448eb211c80319c"
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")


def link() -> dict[str, str]:
    """The link in the configuration of Jaeger's pages."""
    (found,) = json.loads(UI_CONFIGURATION.read_text(encoding="utf-8"))["linkPatterns"]
    return found  # type: ignore[no-any-return]


def test_configuration_is_mounted_where_jaeger_reads_it() -> None:
    (local, mounted) = re.findall(r'- "\./([^:"]+):([^:"]+):ro"', COMPOSE)[0]

    assert ROOT / local == UI_CONFIGURATION
    assert f"--set=extensions.jaeger_query.ui.config_file={mounted}" in COMPOSE


def test_link_leads_to_the_dispatches_of_the_trace(admin_client: Client) -> None:
    assert link()["type"] == "traces"
    address = urlsplit(link()["url"].replace("#{traceID}", TRACE))

    response = admin_client.get(f"{address.path}?{address.query}")

    assert response.status_code == 200
    assert f'value="{TRACE}"' in response.content.decode()


def test_jaeger_takes_the_configuration() -> None:
    with running_jaeger(find_jaeger()) as jaeger, urlopen(f"{jaeger.url}/") as response:  # noqa: S310 - the Jaeger that the test started
        page = response.read().decode()

    (given,) = re.findall(r"^JAEGER_CONFIG = (.*);$", page, re.MULTILINE)
    assert json.loads(given)["linkPatterns"] == [link()]
