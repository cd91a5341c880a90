"""Small projects that run as processes of their own and write to a store that the test reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

from signal_monitor.finding import Finding
from signal_monitor.findings.engine import find
from signal_monitor.stores import Store, open_store
from tests.support.servers import ROOT

RUN = """
import os, shutil, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from signal_monitor.instrumentation import suppress
if "auth_user" not in connection.introspection.table_names():
    with suppress():
        call_command("migrate", run_syncdb=True, verbosity=0)
    connection.close()
    shutil.copy("db.sqlite3", "migrated")
from django.test import Client
def get(path, client=Client(raise_request_exception=False)):
    return client.get(path)
import act
from signal_monitor import pipeline
pipeline.flush()
"""
FIND = """
import json
import django
django.setup()
from signal_monitor.findings.engine import find
from signal_monitor.stores import get_store
print("FOUND", json.dumps({finding.name: finding.message for finding in find(get_store())}))
"""
SETTINGS = """
DEBUG = {debug}
SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["signal_monitor", "shop",
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
MIDDLEWARE = ["signal_monitor.middleware.SignalMonitorMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware"]
ROOT_URLCONF = "shop.urls"
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": r"{root}/db.sqlite3"}}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
SIGNAL_MONITOR = {{"STORE": r"sqlite:///{root}/store.sqlite3", "SAMPLE_PER_SECOND": 5000, **{monitor}}}
{more}
"""
APPS = """
from django.apps import AppConfig
class ShopConfig(AppConfig):
    name = "shop"
    def ready(self):
        from shop import receivers
"""
URLS = """
from shop import views
from django.urls import path
urlpatterns = [path(name + "/", view, name=name) for name, view in vars(views).items() if name.startswith("view_")]
"""

_databases: dict[tuple[str, ...], dict[str, bytes]] = {}
"""Databases by the models and receivers that they were made with: migrations take longer than most tests."""


@dataclass
class Project:
    """A project with one app, ``shop``; each run is a process that executes ``act`` and ends."""

    root: Path
    debug: bool = True
    monitor: dict[str, object] = field(default_factory=dict)

    def write(self, more_settings: str = "", **modules: str) -> Project:
        """Write modules of the app: their names and their text."""
        shop = self.root / "shop"
        shop.mkdir(exist_ok=True)
        settings = SETTINGS.format(debug=self.debug, root=self.root, monitor=self.monitor, more=more_settings)
        (self.root / "settings.py").write_text(settings, encoding="utf-8")
        (self.root / "run.py").write_text(RUN, encoding="utf-8")
        defaults = {
            "__init__": "",
            "apps": APPS,
            "urls": URLS,
            "models": "",
            "signals": "",
            "receivers": "",
            "views": "",
        }
        for name, text in {**({} if (shop / "apps.py").exists() else defaults), **modules}.items():
            (shop / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
        return self

    def run(self, act: str, *, fails: bool = False) -> str:
        """Run lines in a new process; ``get("/path/")`` is there. Answers what it printed."""
        (self.root / "act.py").write_text(f"from run import *\n{textwrap.dedent(act)}", encoding="utf-8")
        known = (self.root / "db.sqlite3").exists() or self._take_databases(*self._texts)
        printed = self.command("run.py", fails=fails)
        if not known and (migrated := self.root / "migrated").exists():
            _databases[self._texts] = {"db.sqlite3": migrated.read_bytes()}
        return printed

    def prepare(self, act: str) -> Project:
        """Run lines that make rows, once for all projects with the same models and receivers; nothing is recorded."""
        if not self._take_databases(*self._texts, act):
            self.run(act)
            self.forget()
            made = {path.name: path.read_bytes() for path in self.root.iterdir() if _is_database(path)}
            _databases[*self._texts, act] = made
        return self

    def forget(self) -> None:
        """Empty the store."""
        store = self.store
        store.clear()
        store.close()

    @property
    def _texts(self) -> tuple[str, ...]:
        """What decides which tables and rows there are."""
        settings = (self.root / "settings.py").read_text(encoding="utf-8").replace(str(self.root), "")
        modules = [path for path in sorted((self.root / "shop").glob("*.py")) if path.stem not in {"urls", "views"}]
        return settings, *(path.read_text(encoding="utf-8") for path in modules)

    def _take_databases(self, *key: str) -> bool:
        known = _databases.get(key, {})
        for name, content in known.items():
            (self.root / name).write_bytes(content)
        return bool(known)

    def command(self, *arguments: str, fails: bool = False) -> str:
        """Run Python with these arguments in the project."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "DEMO_", "TESTS_"))
        }
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**kept, "PYTHONPATH": f"{self.root}{os.pathsep}{ROOT}", "DJANGO_SETTINGS_MODULE": "settings"},
            capture_output=True,
            text=True,
            check=False,
        )
        printed = done.stdout + done.stderr
        assert bool(done.returncode) is fails, printed
        return printed

    @property
    def store(self) -> Store:
        """The store that the processes have written to."""
        return open_store(f"sqlite:///{self.root}/store.sqlite3")

    def findings(self) -> dict[str, Finding]:
        """What is found in it, by the names of the rules; AssertionError if a rule has found several."""
        store = self.store
        found = find(store)
        store.close()
        by_name = {finding.name: finding for finding in found}
        assert len(by_name) == len(found), [finding.message for finding in found]
        return by_name

    def messages_there(self) -> dict[str, str]:
        """What a process of the project itself finds, which has its models: messages by the names of the rules."""
        printed = self.command("-c", FIND)
        found: dict[str, str] = json.loads(printed.rpartition("FOUND ")[2])
        return found


def _is_database(path: Path) -> bool:
    return path.is_file() and path.name != "store.sqlite3" and path.read_bytes().startswith(b"SQLite format 3")
