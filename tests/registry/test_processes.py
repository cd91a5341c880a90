"""The registry of real processes with one store: a site, and a worker that has other receivers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.support.servers import ROOT, Site, wait_until

WORKER = """
import sys, time
sys.argv = ["worker", "queue"]
import django; django.setup()
from django.test.signals import template_rendered
from signal_monitor import pipeline
def only_in_worker(**kwargs): ...
template_rendered.connect(only_in_worker, weak=False)
template_rendered.send(None)
pipeline.current().converter.process.serves = True
pipeline.flush()
print("ready", flush=True)
for line in sys.stdin:
    template_rendered.disconnect(only_in_worker)
    template_rendered.send(None)
    pipeline.flush()
"""


def registry(site: Site) -> dict[str, Any]:
    with urllib.request.urlopen(f"{site.url}/signals/api/registry/") as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
    return found


def receiver(site: Site, name: str) -> dict[str, Any]:
    rows = [row for signal in registry(site)["signals"] for row in signal["receivers"]]
    return next((row for row in rows if row["receiver"].endswith(name)), {})


def test_a_site_and_a_worker_side_by_side(start_site: Callable[..., Site]) -> None:
    site = start_site(env={"DJANGO_SETTINGS_MODULE": "tests.times.settings"}, wsgi=True)
    store = f"sqlite:///{site.log_path.parent / 'signals' / 'store.sqlite3'}"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "TESTS_STORE": store}
    urllib.request.urlopen(f"{site.url}/idle/").close()  # noqa: S310
    with subprocess.Popen(
        [sys.executable, "-c", WORKER],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        assert wait_until(lambda: len(registry(site)["processes"]) == 2, 20), registry(site)["processes"]
        own = receiver(site, "only_in_worker")
        assert (own["processes"], len(own["missing_in"]), own["calls"]) == (["worker queue"], 1, 1)
        worker.stdin.write("disconnect\n")
        worker.stdin.flush()
        assert wait_until(lambda: receiver(site, "only_in_worker") == {})
        worker.stdin.close()
