"""Fixtures of sites: new ones, and such as the tests of a module take turns with."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import ROOT, STAFF_NAME, STAFF_PASSWORD, Site, running_site, site_environment

PREPARE_DATABASE = f"""
import django
django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
call_command("migrate", verbosity=0)
get_user_model().objects.create_superuser({STAFF_NAME!r}, "", {STAFF_PASSWORD!r})
"""


@pytest.fixture(scope="session")
def prepared_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with one active superuser, STAFF_NAME; sites get copies of it."""
    directory = tmp_path_factory.mktemp("prepared")
    subprocess.run(
        [sys.executable, "-c", PREPARE_DATABASE], check=True, cwd=ROOT, env=site_environment(directory, debug=False)
    )
    return directory / "db.sqlite3"


@pytest.fixture
def start_site(prepared_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Start sites that live until the test ends: ``start_site(application=…, debug=…, env={…})``."""
    with ExitStack() as stack:

        def start(application: str = "tests.asgi:application", *, debug: bool = True, **options: Any) -> Site:
            directory = tmp_path_factory.mktemp("site")
            shutil.copy(prepared_database, directory)
            return stack.enter_context(running_site(directory, application, debug=debug, **options))

        yield start


@pytest.fixture(scope="module")
def kept_sites(
    prepared_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., tuple[Site, bool]]]:
    """Sites that live until the module ends, one for each set of arguments, and whether they are new."""
    sites: dict[str, Site] = {}
    with ExitStack() as stack:

        def keep(*, debug: bool = True, wsgi: bool = False, **options: Any) -> tuple[Site, bool]:
            key = repr((debug, wsgi, options))
            known = sites.get(key)
            if known is not None and known.process.poll() is None:
                return known, False
            directory = tmp_path_factory.mktemp("site")
            shutil.copy(prepared_database, directory)
            sites[key] = stack.enter_context(running_site(directory, debug=debug, wsgi=wsgi, **options))
            return sites[key], True

        yield keep


@pytest.fixture
def shared_site(kept_sites: Callable[..., tuple[Site, bool]]) -> Iterator[Callable[..., Site]]:
    """Sites that the tests of a module take turns with, as empty as new ones: ``shared_site(debug=…, env={…})``."""
    used: list[Site] = []

    def share(**options: Any) -> Site:
        site, is_new = kept_sites(**options)
        if not is_new:
            site.begin_anew()
        used.append(site)
        return site

    yield share
    for site in used:
        site.assert_no_traceback()


@pytest.fixture
def site(shared_site: Callable[..., Site]) -> Site:
    """A site with DEBUG on, whose monitor has recorded nothing yet."""
    return shared_site()
