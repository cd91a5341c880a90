"""What ``startproject`` makes, changed step by step as the README says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [re.sub(r"(?m)^   ", "", block) for block in re.findall(r"   ```python\n(.*?)   ```", README, re.DOTALL)]
ONLY_ASGI = "# ASGI only"


def block_with(text: str) -> str:
    """The code of the README that has a text."""
    (found,) = [block for block in BLOCKS if text in block]
    return found


@dataclass
class NewProject:
    """A project in a directory, called ``project`` as in the README."""

    root: Path

    @property
    def settings(self) -> Path:
        """The settings module."""
        return self.root / "project" / "settings.py"

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that is in a file once."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, (name, old)
        path.write_text(text.replace(old, new), encoding="utf-8")

    def add_to_settings(self, text: str) -> None:
        """Add lines at the end."""
        self.settings.write_text(f"{self.settings.read_text(encoding='utf-8')}\n{text}\n", encoding="utf-8")

    def manage(self, *arguments: str, fails: bool = False) -> str:
        """Run manage.py; answers what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.root,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        printed = done.stdout + done.stderr
        assert bool(done.returncode) is fails, printed
        return printed


def environment() -> dict[str, str]:
    """The environment of a shell in which nobody has set anything for Django."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "DEMO_", "TESTS_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def start_project(directory: Path) -> NewProject:
    """A project as Django makes it."""
    command = [sys.executable, "-m", "django", "startproject", "project", str(directory)]
    subprocess.run(command, cwd=directory, env=environment(), check=True)
    return NewProject(directory)


def follow_readme(project: NewProject, *, asgi: bool) -> None:
    """Do steps 2 to 6."""
    apps = block_with("INSTALLED_APPS = [").splitlines()[1:-1]
    lines = [line for line in apps if asgi or ONLY_ASGI not in line]
    place = lines.index("    ...,")
    project.edit(
        "project/settings.py", "INSTALLED_APPS = [\n", "INSTALLED_APPS = [\n" + "\n".join(lines[:place]) + "\n"
    )
    project.add_to_settings("INSTALLED_APPS += [\n" + "\n".join(lines[place + 1 :]) + "\n]")
    (middleware,) = re.findall(r'MIDDLEWARE = \["(.*?)", \.\.\.\]', README)
    project.edit("project/settings.py", "MIDDLEWARE = [\n", f'MIDDLEWARE = [\n    "{middleware}",\n')
    (pages,) = re.findall(r'urlpatterns = \[(path\("signals/".*?\)), \.\.\.\]', README)
    project.edit("project/urls.py", "import path", "import include, path")
    project.edit("project/urls.py", "urlpatterns = [\n", f"urlpatterns = [\n    {pages},\n")
    if asgi:
        project.add_to_settings(block_with("ASGI_APPLICATION = "))
        (project.root / "project" / "asgi.py").write_text(block_with("# project/asgi.py"), encoding="utf-8")
    else:
        project.add_to_settings(block_with("SILENCED_SYSTEM_CHECKS"))
