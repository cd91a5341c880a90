"""``manage.py demo``: starts and stops the whole demo."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
import tempfile
import time
import webbrowser
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from demo.home.processes import Child, Children, StopRequest
from demo.home.seeding import PASSWORD, USERNAME, seed

ROOT = Path(__file__).resolve().parents[4]
ANSWER_SECONDS = 60.0
POLL_SECONDS = 0.2
LOUD = 2


class Command(BaseCommand):
    """Migrates, adds data, then runs the site, a worker and some traffic until it is stopped."""

    # The pitfalls are mistakes on purpose: the pages tell them, and so does `manage.py check`.
    requires_system_checks = ()

    help = "Run the demo site with a worker and some traffic until Ctrl-C; --verbosity 2 shows what the processes log."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen at (127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen at (8000); 0 takes any free one")
        parser.add_argument("--no-worker", action="store_false", dest="worker", help="leave queued tasks in the queue")
        parser.add_argument("--no-traffic", action="store_false", dest="traffic", help="leave the clicking to me")
        parser.add_argument("--open", action="store_true", help="open the dashboard in a browser")

    def handle(self, *args: object, **options: Any) -> None:  # noqa: ANN401 - Django's signature
        """Run until Ctrl-C, SIGTERM, or the end of a child."""
        host, loud = options["host"], options["verbosity"] >= LOUD
        port = find_port(host, options["port"])
        for database in connections:
            call_command("migrate", database=database, interactive=False, verbosity=options["verbosity"] - 1)
        seed()
        stop = StopRequest()
        with tempfile.TemporaryDirectory(prefix="signal-monitor-demo-") as directory:
            ready_file = Path(directory) / "worker-is-ready"
            logs, environ = None if loud else Path(directory), child_environ(host, ready_file, loud=loud)
            with Children(environ=environ, cwd=ROOT, log_directory=logs) as children:
                self.run(children, stop, site_url(host, port), ready_file, {**options, "port": port})

    def run(self, children: Children, stop: StopRequest, url: str, ready_file: Path, options: dict[str, Any]) -> None:
        """Start the child processes, print the addresses, and wait until one of them ends."""
        host, loud = options["host"], options["verbosity"] >= LOUD
        site = children.start("site", site_command(host, options["port"]))
        worker = children.start("worker", worker_command(loud=loud)) if options["worker"] else None
        if not wait_for(f"has not answered at {url}", lambda: answers(url), site, stop):
            return
        if worker and not wait_for("has not become ready", ready_file.exists, worker, stop):
            return
        if options["traffic"]:
            children.start("traffic", [*manage_command("traffic"), "--url", url, "--pitfalls", "--verbosity", "0"])
        self.announce(url, host)
        if options["open"]:
            webbrowser.open(f"{url}signals/")
        while not stop:
            if ended := children.first_ended():
                raise CommandError(describe_end(ended))
            time.sleep(POLL_SECONDS)
        self.stdout.write("Stopping.")

    def announce(self, url: str, host: str) -> None:
        """Print the addresses and the login."""
        self.stdout.write(
            f"\nThe demo is running; Ctrl-C stops it.\n\n"
            f"  Site       {self.style.SUCCESS(url)}\n"
            f"  Dashboard  {self.style.SUCCESS(f'{url}signals/')}\n"
            f"  Log in as  {USERNAME}, password {PASSWORD}\n"
        )
        if not is_loopback(host):
            self.stdout.write(self.style.WARNING("Anyone who can reach this address can log in as an administrator."))
        self.stdout.flush()


def find_port(host: str, port: int) -> int:
    """The port, or a free one for 0; CommandError if it cannot be used."""
    if not 0 <= port <= 65_535:
        raise CommandError(f"--port {port} is no port: it must be 0 (any free one) to 65535.")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            found: int = listener.getsockname()[1]
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            message = f"Port {port} on {host} is taken. Choose another one with --port, for example --port {port + 1}."
            raise CommandError(message) from error
        raise CommandError(f"Cannot listen on port {port} of {host}: {error}") from error
    return found


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def site_url(host: str, port: int) -> str:
    """The address of the site for a browser on this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - no address is bound here
    return f"http://[{reachable}]:{port}/" if ":" in reachable else f"http://{reachable}:{port}/"


def site_command(host: str, port: int) -> list[str]:
    """The command that runs Daphne without a log line per request."""
    return [sys.executable, "-m", "daphne", "-v", "0", "-b", host, "-p", str(port), "demo.asgi:application"]


def worker_command(*, loud: bool) -> list[str]:
    """The command that runs a Celery worker with one task at a time."""
    level = "INFO" if loud else "WARNING"
    alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    celery = [sys.executable, "-m", "celery", "--quiet", "-A", "demo"]
    return [*celery, "worker", "--pool", "prefork", "--concurrency", "1", "--loglevel", level, *alone]


def manage_command(name: str) -> list[str]:
    """A management command of this project."""
    return [sys.executable, str(ROOT / "manage.py"), name]


def child_environ(host: str, ready_file: Path, *, loud: bool) -> dict[str, str]:
    """The environment of the child processes."""
    hosts = ",".join(filter(None, [os.environ.get("DEMO_ALLOWED_HOSTS", ""), "" if is_loopback(host) else host]))
    return {
        "DEMO_LOG_LEVEL": "INFO" if loud else "WARNING",
        **os.environ,
        "DEMO_ALLOWED_HOSTS": hosts,
        "DEMO_WORKER_READY_FILE": str(ready_file),
        "PYTHONUNBUFFERED": "1",
    }


def wait_for(complaint: str, ready: Callable[[], bool], child: Child, stop: StopRequest) -> bool:
    """Wait until a child is ready; False if stopped before, CommandError if it ends or takes too long."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while not stop:
        if child.returncode is not None:
            raise CommandError(describe_end(child))
        if ready():
            return True
        if time.monotonic() > deadline:
            raise CommandError(f"The {child.name} {complaint} for {ANSWER_SECONDS:.0f} seconds.\n{child.tail()}")
        time.sleep(POLL_SECONDS)
    return False


def answers(url: str) -> bool:
    """Whether the site serves its front page."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=5):
            return True
    except OSError:
        return False


def describe_end(child: Child) -> str:
    """A message that a child has ended, with its last output."""
    return f"The {child.name} process has ended (exit code {child.returncode}).\n{child.tail()}".rstrip()
