"""``manage.py demo``: real processes, which come up together and go down together."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from demo.home.browser import Browser
from demo.home.processes import GRACE_SECONDS, Children
from demo.tests.running import PATIENCE_SECONDS, ROOT, Demo, demo_environ, demo_line, eventually

pytestmark = pytest.mark.slow


def fetch(url: str) -> str:
    """A page's text; an HTTPError unless it is there."""
    with build_opener(ProxyHandler({})).open(url, timeout=PATIENCE_SECONDS) as response:
        return str(response.read().decode())


def is_alive(pid: int) -> bool:
    """Whether a process is still there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_demo_serves_site_with_traffic_and_a_worker_until_sigterm(start: Callable[..., Demo]) -> None:
    demo = start()
    url = demo.wait_for_url()
    assert f"Dashboard  {url}signals/" in demo.output
    assert "Log in as  demo, password demo" in demo.output
    assert "ordinary Django apps" in fetch(url)
    assert "--accent" in fetch(f"{url}static/demo/site.css")
    assert fetch(f"{url}signals/")
    assert eventually(lambda: demo.count("SELECT COUNT(*) FROM auth_user WHERE username LIKE 'visitor-%'"))
    browser = Browser(url)
    browser.get("/tasks/")
    browser.post("/tasks/queue/")
    assert eventually(lambda: demo.count("SELECT COUNT(*) FROM application_finishedtask"))
    site, worker, traffic = demo.children()
    in_worker = demo.children(of=worker)
    assert in_worker == [demo.count("SELECT process_id FROM application_finishedtask")]
    assert demo.end(signal.SIGTERM) == 0
    assert not any(map(is_alive, [site, worker, traffic, *in_worker]))


def test_what_receivers_write_is_on_a_page_and_the_demo_fails_when_its_worker_dies(start: Callable[..., Demo]) -> None:
    demo = start("--no-traffic")
    browser = Browser(demo.wait_for_url())
    browser.get("/todos/")
    page = browser.post("/todos/add/", {"title": "Read the log"}).text
    browser.post(f"/todos/{max(map(int, re.findall('/todos/([0-9]+)/done/', page)))}/done/")
    browser.get("/movies/")
    browser.post("/movies/", {"text": "casablanca", "how": "background"})
    assert eventually(lambda: "[Django] New search term: casablanca" in browser.get("/log/").text)
    page = browser.get("/log/").text
    assert "Done: Read the log" in page
    assert "admin@example.org" in page
    assert "Request: POST" not in page
    assert "Request: POST" in browser.get("/log/?requests").text
    _, worker = demo.children()
    os.kill(worker, signal.SIGKILL)
    assert demo.process.wait(PATIENCE_SECONDS) == 1
    assert "The worker process has ended (exit code -9)." in demo.output


def test_killed_demo_leaves_no_process(start: Callable[..., Demo]) -> None:
    demo = start()
    demo.wait_for_url()
    children = demo.children()
    processes = [*children, *(each for child in children for each in demo.children(of=child))]
    assert len(processes) == 4
    os.kill(demo.process.pid, signal.SIGKILL)
    demo.process.wait(PATIENCE_SECONDS)
    assert eventually(lambda: not any(map(is_alive, processes)))


def test_demo_without_debug_has_its_css_and_stops_on_ctrl_c(start: Callable[..., Demo]) -> None:
    demo = start("--no-traffic", "--no-worker", DEMO_DEBUG="0")
    url = demo.wait_for_url()
    assert "--accent" in fetch(f"{url}static/demo/site.css")
    assert fetch(f"{url}static/signal_monitor/signal_monitor.css")
    (site,) = demo.children()
    assert demo.end(signal.SIGINT) == 0
    assert not is_alive(site)
    assert "Traceback" not in demo.output


def test_children_that_do_not_end_are_killed_together(tmp_path: Path) -> None:
    stubborn = tmp_path / "stubborn.py"
    stubborn.write_text("import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('up')\ntime.sleep(600)\n")
    with Children(environ={**os.environ, "PYTHONUNBUFFERED": "1"}, cwd=ROOT, log_directory=tmp_path) as children:
        running = [children.start(f"child-{number}", [sys.executable, str(stubborn)]) for number in range(4)]
        assert eventually(lambda: all(child.tail() == "up" for child in running))
        started = time.monotonic()
    assert [child.returncode for child in running] == [-signal.SIGKILL] * 4
    # One after the other, they would have four times as long.
    assert time.monotonic() - started < 3 * GRACE_SECONDS


def test_demo_fails_when_a_child_dies(start: Callable[..., Demo]) -> None:
    demo = start("--no-traffic", "--no-worker")
    demo.wait_for_url()
    os.kill(demo.children()[0], signal.SIGKILL)
    assert demo.process.wait(PATIENCE_SECONDS) == 1
    assert "The site process has ended (exit code -9)." in demo.output


def refused(directory: Path, *arguments: str) -> str:
    """What ``manage.py demo`` writes when it refuses to start."""
    line, environ = demo_line(*arguments), demo_environ(directory)
    ended = subprocess.run(line, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    return ended.stderr


def test_taken_port_is_said_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = refused(tmp_path, "--port", str(port))
    way_out = f"Choose another one with --port, for example --port {port + 1}."
    assert message.strip() == f"CommandError: Port {port} on 127.0.0.1 is taken. {way_out}"


def test_unknown_host_is_said(tmp_path: Path) -> None:
    message = refused(tmp_path, "--host", "no-such-host.invalid")
    assert "CommandError: Cannot listen on port 8000 of no-such-host.invalid" in message
