"""The records of a project's test run stay out of the store of its running site, whoever runs the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FILES = {
    "settings.py": """
import pathlib
BASE = pathlib.Path(__file__).parent
SECRET_KEY = "x"
INSTALLED_APPS = ["signal_monitor"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE / "db.sqlite3"}}
SIGNAL_MONITOR = {"STORE": f"sqlite:///{BASE}/store.sqlite3"}
""",
    "manage.py": """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
if __name__ == "__main__":
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
""",
    "runtests.py": """
import os, sys, django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
if __name__ == "__main__":
    django.setup()
    from django.conf import settings
    from django.test.utils import get_runner
    sys.exit(get_runner(settings)(parallel=int(sys.argv[1])).run_tests(["."]))
""",
    "plain_tests.py": """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
django.setup()  # and no test environment, as with Django's runner
import unittest
from test_0 import signal
class Some(unittest.TestCase):
    def test_send(self): signal.send_robust(sender="tests")
""",
    "conftest.py": """
import os, django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()
""",
    **{
        f"test_{number}.py": """
import time
from django.dispatch import Signal
from django.test import SimpleTestCase
signal = Signal()
def receiver(**kwargs): raise ValueError("of the tests")
signal.connect(receiver)
class Some(SimpleTestCase):
    def test_send(self):
        for _ in range(40): signal.send_robust(sender="tests")
        time.sleep(0.6)
"""
        for number in range(2)
    },
}
RUNS = {
    "manage.py test": ["manage.py", "test"],
    "manage.py test --parallel": ["manage.py", "test", "--parallel", "2"],
    "a runner of the project": ["runtests.py", "1"],
    "a parallel runner of the project": ["runtests.py", "2"],
    "pytest-django": ["-m", "pytest", "-q", "--ds=settings", "-p", "no:randomly"],
    "pytest": ["-m", "pytest", "-q", "-p", "no:django", "-p", "no:randomly"],
    "unittest": ["-m", "unittest", "plain_tests"],
    "pytest-xdist": ["-m", "pytest", "-q", "--ds=settings", "-n", "2"],
}


def python(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        env={
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST", "DJANGO_", "COV_")) and name != "PYTHONWARNINGS"
        },
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", RUNS)
def test_store_of_the_site_knows_nothing_of_a_test_run(project: Path, name: str) -> None:
    done = python(project, *RUNS[name])

    assert done.returncode == 0, done.stdout + done.stderr
    assert not (project / "store.sqlite3").exists()


def test_other_commands_use_the_store_of_the_site(project: Path) -> None:
    send = (
        "from django.dispatch import Signal; s = Signal(); s.connect(lambda **kwargs: None, weak=False); s.send(None)"
    )
    assert python(project, "manage.py", "shell", "-c", send).returncode == 0
    assert (project / "store.sqlite3").exists()
