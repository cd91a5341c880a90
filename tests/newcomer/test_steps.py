"""A project that has followed the README works under every server, and is told what it has left out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.mounts.visitor import Visitor
from tests.newcomer.project import NewProject, environment, follow_readme, start_project
from tests.support.servers import Site, unavailable, unused_port, wait_until

pytestmark = pytest.mark.slow
ASGI = "project.asgi:application"


@pytest.fixture(scope="module")
def asgi_project(tmp_path_factory: pytest.TempPathFactory) -> NewProject:
    return ready_project(tmp_path_factory.mktemp("asgi"), asgi=True)


@pytest.fixture(scope="module")
def wsgi_project(tmp_path_factory: pytest.TempPathFactory) -> NewProject:
    return ready_project(tmp_path_factory.mktemp("wsgi"), asgi=False)


def ready_project(directory: Path, *, asgi: bool) -> NewProject:
    project = start_project(directory)
    follow_readme(project, asgi=asgi)
    project.manage("migrate", "--verbosity=0")
    return project


@contextmanager
def served(project: NewProject, *command: str) -> Iterator[tuple[Site, Visitor]]:
    """A server on a port that was free a moment ago: not all say which one they have chosen."""
    if command[0] != "manage.py" and find_spec(command[1]) is None:
        unavailable(f"{command[1]} is not installed")
    port = unused_port()
    words = [word.replace("PORT", str(port)) for word in command]
    log_path = project.root / f"{port}.log"
    with (
        log_path.open("wb") as log,
        subprocess.Popen(
            [sys.executable, *words], cwd=project.root, env=environment(), stdout=log, stderr=log
        ) as process,
    ):
        site = Site(process, log_path, f"http://127.0.0.1:{port}")
        visitor = Visitor(site.url)
        try:
            assert wait_until(lambda: process.poll() is not None or answers(visitor)), site.log
            assert process.poll() is None, site.log
            yield site, visitor
        finally:
            process.terminate()


def answers(visitor: Visitor) -> bool:
    try:
        return visitor.get("/admin/login/").status == 200
    except OSError:
        return False


def test_check_has_nothing_to_say(asgi_project: NewProject, wsgi_project: NewProject) -> None:
    assert "no issues (0 silenced)" in asgi_project.manage("check")
    assert "no issues (3 silenced)" in wsgi_project.manage("check")


def test_command_leaves_nothing_open(wsgi_project: NewProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDEVMODE", "1")
    assert "ResourceWarning" not in wsgi_project.manage("migrate")


ASGI_SERVERS = [
    ("manage.py", "runserver", "--noreload", "127.0.0.1:PORT"),
    ("-m", "daphne", "-b", "127.0.0.1", "-p", "PORT", ASGI),
    ("-m", "uvicorn", "--port", "PORT", ASGI),
    ("-m", "hypercorn", "--bind", "127.0.0.1:PORT", ASGI),
]


@pytest.mark.parametrize("command", ASGI_SERVERS, ids=lambda command: command[1])
def test_pages_are_live_under_asgi(asgi_project: NewProject, command: tuple[str, ...]) -> None:
    with served(asgi_project, *command) as (site, visitor):
        page = visitor.get("/signals/live/")
        assert page.status == 200
        assert "data-frame" in visitor.first_frame(page.attribute("ws-connect"))
        assert wait_until(lambda: "/admin/login/" in visitor.get("/signals/api/requests/").text)
    assert "Traceback" not in site.log


WSGI_SERVERS = [
    ("manage.py", "runserver", "--noreload", "127.0.0.1:PORT"),
    ("-m", "gunicorn", "--bind", "127.0.0.1:PORT", "project.wsgi"),
]


@pytest.mark.parametrize("command", WSGI_SERVERS, ids=lambda command: command[1])
def test_pages_poll_under_wsgi(wsgi_project: NewProject, command: tuple[str, ...]) -> None:
    with served(wsgi_project, *command) as (site, visitor):
        page = visitor.get("/signals/live/")
        assert (page.status, page.attribute("ws-connect")) == (200, "")
        assert visitor.get(page.attribute("hx-get")).status == 200
        assert wait_until(lambda: "/admin/login/" in visitor.get("/signals/api/requests/").text)
    assert "Traceback" not in site.log
    assert "Not Found" not in site.log


def test_page_offers_no_websocket_where_djangos_own_application_refuses_it(
    asgi_project: NewProject,
) -> None:
    plain = asgi_project.root / "project" / "plain.py"
    text = (asgi_project.root / "project" / "asgi.py").read_text(encoding="utf-8")
    plain.write_text(text.replace("signal_monitor.asgi", "django.core.asgi"), encoding="utf-8")
    with served(asgi_project, "-m", "daphne", "-b", "127.0.0.1", "-p", "PORT", "project.plain:application") as (
        _,
        visitor,
    ):
        page = visitor.get("/signals/live/")
        assert (page.status, page.attribute("ws-connect")) == (200, "")


def test_runserver_says_that_the_app_is_missing(tmp_path: Path) -> None:
    project = ready_project(tmp_path, asgi=False)
    project.edit("project/settings.py", '    "signal_monitor",', "    #")
    for command in (["check"], ["runserver", "--noreload", "127.0.0.1:0"]):
        printed = project.manage(*command, fails=True)
        assert "'signal_monitor' is not in INSTALLED_APPS" in printed


def test_check_speaks_of_each_step_that_is_left_out(tmp_path: Path) -> None:
    project = ready_project(tmp_path, asgi=True)
    project.add_to_settings(
        'ASGI_APPLICATION = "projekt.asgi.application"\nTEMPLATES = []\nINSTALLED_APPS.remove("django.contrib.admin")'
    )
    project.edit("project/urls.py", "    path('admin/', admin.site.urls),\n", "")
    printed = project.manage("check")
    assert "signal_monitor.W021" in printed
    assert "signal_monitor.I001" in printed
