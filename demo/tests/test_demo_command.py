"""``manage.py demo``: real processes, which come up together and go down together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from demo.home.browser import Browser
from demo.tests.running import PATIENCE_SECONDS, Demo, demo_environ, demo_line, eventually

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


def test_demo_fails_when_its_worker_dies(start: Callable[..., Demo]) -> None:
    demo = start("--no-traffic")
    demo.wait_for_url()
    _, worker = demo.children()
    os.kill(worker, signal.SIGKILL)
    assert demo.process.wait(PATIENCE_SECONDS) == 1
    assert "The worker process has ended (exit code -9)." in demo.output


def test_demo_stops_on_ctrl_c(start: Callable[..., Demo]) -> None:
    demo = start("--no-traffic", "--no-worker")
    demo.wait_for_url()
    (site,) = demo.children()
    assert demo.end(signal.SIGINT) == 0
    assert not is_alive(site)
    assert "Traceback" not in demo.output


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
