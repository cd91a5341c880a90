"""uWSGI forks its workers without Python's hooks: they store what they dispatch, as a beginner starts it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.support.servers import PATIENCE_SECONDS, wait_until

UWSGI = shutil.which("uwsgi", path=str(Path(sys.executable).parent)) or shutil.which("uwsgi")
SITE = """
import pathlib
import django
from django.conf import settings
BASE = pathlib.Path(__file__).parent
settings.configure(
    ALLOWED_HOSTS=["*"], SECRET_KEY="x", ROOT_URLCONF=__name__, INSTALLED_APPS=["signal_monitor"],
    MIDDLEWARE=["signal_monitor.middleware.SignalMonitorMiddleware"],
    SIGNAL_MONITOR={"STORE": f"sqlite:///{BASE}/store.sqlite3"},
)
django.setup()
from django.core.wsgi import get_wsgi_application
from django.dispatch import Signal
from django.http import HttpResponse
from django.urls import path
signal = Signal()
def receiver(**kwargs): pass
signal.connect(receiver)
signal.send(sender="import")
def send(request):
    for _ in range(5): signal.send(sender="view")
    return HttpResponse("sent")
urlpatterns = [path("", send)]
application = get_wsgi_application()
"""
COUNT = """
import site_
from signal_monitor.stores import get_store
print(sum(row.count for row in get_store().totals("sender", key="view")))
"""


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - the test's own
            return bool(response.status == 200)
    except OSError:
        return False


@pytest.mark.skipif(UWSGI is None, reason="uWSGI is not installed (pip install uwsgi)")
@pytest.mark.parametrize("flags", [[], ["--enable-threads"], ["--threads", "2"], ["--lazy-apps"]])
def test_dispatches_of_uwsgis_workers_are_stored(tmp_path: Path, flags: list[str]) -> None:
    (tmp_path / "site_.py").write_text(SITE)
    port = unused_port()
    command = [str(UWSGI), "--http-socket", f"127.0.0.1:{port}", "--module", "site_", "--master", "--processes", "2"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "DJANGO_"))}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--die-on-term", "--need-app", "--home", sys.prefix, *flags],
            cwd=tmp_path, stdout=log, stderr=log, env=environment,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}/"
        assert wait_until(lambda: answers(url)), (tmp_path / "log").read_text()
        assert all(answers(url) for _ in range(39))

        def stored() -> str:
            counted = subprocess.run(
                [sys.executable, "-c", COUNT],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            return counted.stdout.strip()

        deadline = time.monotonic() + PATIENCE_SECONDS
        while stored() != "200" and time.monotonic() < deadline:
            time.sleep(0.2)
        assert stored() == "200"
    finally:
        server.terminate()
        try:
            server.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
