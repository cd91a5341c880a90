from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings as project_settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core import checks
from django.http import HttpRequest
from pytest_django.fixtures import Settings

from signal_monitor import checks as checks_module
from signal_monitor.checks import (
    MIDDLEWARE,
    _try_store,
    check_access,
    check_middleware,
    check_setup,
    check_staff,
    check_store_is_shared,
)
from signal_monitor.conf import Config
from signal_monitor.problem import TAG
from signal_monitor.server_checks import check_asgi_module, check_runserver, check_templates
from signal_monitor.stores import StoreError, open_store
from tests.support.servers import ROOT


@pytest.fixture(autouse=True)
def _no_methods_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what other tests of this process have defined; ``test_method_search`` has a process for this check."""
    monkeypatch.setattr(checks_module, "unobserved", list)


def messages() -> dict[str, checks.CheckMessage]:
    return {message.id or "": message for message in check_setup(None)}


def test_checks_are_registered() -> None:
    assert checks.registry.registry.tag_exists(TAG)


def test_nothing_to_say_about_these_settings() -> None:
    assert checks.run_checks(tags=[TAG]) == []


def test_every_message_says_what_to_do(settings: Settings, tmp_path: Path) -> None:
    settings.INSTALLED_APPS = ["demo.todos", "signal_monitor", "django.contrib.contenttypes", "django.contrib.auth"]
    settings.MIDDLEWARE = []
    settings.ASGI_APPLICATION = None
    settings.ROOT_URLCONF = "demo.todos.urls"
    settings.SIGNAL_MONITOR = {"STORE": f"sqlite:///{a_file(tmp_path)}/store.sqlite3"}
    found = messages()
    assert sorted(found) == [f"signal_monitor.W00{number}" for number in (1, 2, 3, 4, 5, 7, 8, 9)]
    assert all(message.hint for message in found.values())


def test_wrong_settings_end_the_check_command_and_are_named() -> None:
    command = [sys.executable, "-m", "django", "check", "--settings=tests.settings"]
    result = subprocess.run(
        command, env={**os.environ, "TESTS_STORE": "postgres"}, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert "ImproperlyConfigured: SIGNAL_MONITOR['STORE'] is 'postgres'; it must be" in result.stderr


def test_nothing_is_checked_while_switched_off(settings: Settings) -> None:
    settings.MIDDLEWARE = []
    settings.SIGNAL_MONITOR = {"ENABLED": False}
    assert check_setup(None) == []


def test_apps_before_the_monitor_are_named(settings: Settings) -> None:
    settings.INSTALLED_APPS = ["demo.todos", *(app for app in project_settings.INSTALLED_APPS if app != "demo.todos")]
    (message,) = check_setup(None)
    assert message.id == "signal_monitor.W001"
    assert message.msg.startswith("'signal_monitor' comes after demo.todos in INSTALLED_APPS")


def test_daphne_and_djangos_own_apps_may_come_first(settings: Settings) -> None:
    django = [app for app in project_settings.INSTALLED_APPS if app.startswith("django.")]
    others = [app for app in project_settings.INSTALLED_APPS if app not in {"daphne", "signal_monitor", *django}]
    settings.INSTALLED_APPS = ["daphne", *django, "signal_monitor", *others]
    assert check_setup(None) == []


def test_middleware_inside_another_is_told_which(settings: Settings) -> None:
    outer = "django.middleware.common.CommonMiddleware"
    settings.MIDDLEWARE = [outer, MIDDLEWARE]
    (message,) = check_setup(None)
    assert message.id == "signal_monitor.W006"
    assert repr(outer) in message.msg


def test_tracing_middleware_may_be_outermost(settings: Settings) -> None:
    settings.MIDDLEWARE = ["opentelemetry.instrumentation.django.middleware.otel_middleware._Middleware", MIDDLEWARE]
    assert list(check_middleware()) == []


def test_urls_elsewhere_are_found(settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.urls_elsewhere"
    assert check_setup(None) == []


def test_store_below_a_file_cannot_be_made(settings: Settings, tmp_path: Path) -> None:
    settings.SIGNAL_MONITOR = {"STORE": f"sqlite:///{a_file(tmp_path)}/store.sqlite3"}
    (message,) = check_setup(None)
    assert message.id == "signal_monitor.W007"
    assert str(a_file(tmp_path)) in message.msg


def test_store_that_is_a_symbolic_link_is_refused(settings: Settings, tmp_path: Path) -> None:
    link = tmp_path / "store.sqlite3"
    link.symlink_to(a_file(tmp_path))
    settings.SIGNAL_MONITOR = {"STORE": f"sqlite:///{link}"}
    (message,) = check_setup(None)
    assert message.id == "signal_monitor.W007"
    assert "symbolic link" in message.msg


def dangling_link(directory: Path) -> Path:
    (directory / "store.sqlite3").symlink_to(directory / "nowhere")
    return directory / "store.sqlite3"


def in_a_linked_directory(directory: Path) -> Path:
    (directory / "link").symlink_to(directory, target_is_directory=True)
    return directory / "link" / "store.sqlite3"


def where_all_may_write(directory: Path) -> Path:
    directory.chmod(0o1777)
    return directory / "store.sqlite3"


def too_long_a_name(directory: Path) -> Path:
    return directory / ("x" * 300)


@pytest.mark.parametrize("place", [dangling_link, in_a_linked_directory, where_all_may_write, too_long_a_name])
def test_check_of_a_missing_store_says_what_its_use_would(
    settings: Settings, tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    url = f"sqlite:///{place(tmp_path)}"
    settings.SIGNAL_MONITOR = {"STORE": url}

    (message,) = check_setup(None)

    assert message.id == "signal_monitor.W007"
    with pytest.raises(StoreError):
        open_store(url).cursor()


def test_trying_a_store_makes_no_file(tmp_path: Path) -> None:
    _try_store(f"sqlite:///{tmp_path}/new/store.sqlite3")
    assert list(tmp_path.iterdir()) == []


def a_file(directory: Path) -> Path:
    path = directory / "a file"
    path.touch()
    return path


def test_djangos_own_asgi_application_is_told(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain_asgi.py").write_text("from django.core.asgi import get_asgi_application\nraise RuntimeError\n")
    monkeypatch.syspath_prepend(tmp_path)
    settings.ASGI_APPLICATION = "plain_asgi.application"

    (message,) = check_asgi_module()
    assert message.id == "signal_monitor.W010"
    assert "signal_monitor.asgi" in str(message.hint)


@pytest.mark.parametrize(
    "name",
    [
        "no_such_package.asgi.application",
        "demo.no_such_module.application",
        "application",
        ".application",
        "demo.asgi.app_",
    ],
)
def test_asgi_application_that_is_not_there_is_told(settings: Settings, name: str) -> None:
    settings.ASGI_APPLICATION = name
    (message,) = check_asgi_module()
    assert message.id == "signal_monitor.W021"
    assert repr(name) in message.msg


@pytest.mark.parametrize("name", ["demo.asgi.application", "demo.asgi.monitored"])
def test_asgi_application_that_is_there_is_fine(settings: Settings, name: str) -> None:
    settings.ASGI_APPLICATION = name
    assert list(check_asgi_module()) == []


def make_runserver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str) -> str:
    """Make an app with a runserver command; answers its name, which no other test has."""
    app = f"shop_with_assets_of_{base.partition('.')[0]}"
    commands = tmp_path / app / "management" / "commands"
    commands.mkdir(parents=True)
    for package in (commands, *list(commands.parents)[:2]):
        (package / "__init__.py").touch()
    (commands / "runserver.py").write_text(f"from {base}.management.commands.runserver import Command\n")
    monkeypatch.syspath_prepend(tmp_path)
    return app


@pytest.fixture
def own_runserver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return make_runserver(tmp_path, monkeypatch, "django.contrib.staticfiles")


@pytest.fixture
def derived_runserver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return make_runserver(tmp_path, monkeypatch, "daphne")


def test_runserver_that_daphne_replaces_is_told(settings: Settings, own_runserver: str) -> None:
    settings.INSTALLED_APPS = [*project_settings.INSTALLED_APPS, own_runserver]
    (message,) = check_runserver()
    assert message.id == "signal_monitor.W022"
    assert own_runserver in message.msg


def test_runserver_that_replaces_daphnes_is_told(settings: Settings, own_runserver: str) -> None:
    settings.INSTALLED_APPS = [own_runserver, *project_settings.INSTALLED_APPS]
    (message,) = check_runserver()
    assert message.id == "signal_monitor.W023"
    assert own_runserver in message.msg


def test_runserver_that_is_derived_from_daphnes_is_fine(settings: Settings, derived_runserver: str) -> None:
    settings.INSTALLED_APPS = [derived_runserver, *project_settings.INSTALLED_APPS]
    assert list(check_runserver()) == []


def test_runserver_without_daphne_is_the_projects_own_affair(settings: Settings, own_runserver: str) -> None:
    settings.INSTALLED_APPS = [own_runserver, *(app for app in project_settings.INSTALLED_APPS if app != "daphne")]
    assert list(check_runserver()) == []


LOADER = "django.template.loaders.app_directories.Loader"
DJANGO_TEMPLATES = "django.template.backends.django.DjangoTemplates"


@pytest.mark.parametrize(
    ("templates", "ids"),
    [
        ([], ["signal_monitor.I001"]),
        ([{"BACKEND": "django.template.backends.dummy.TemplateStrings", "APP_DIRS": True}], ["signal_monitor.I001"]),
        ([{"BACKEND": DJANGO_TEMPLATES, "APP_DIRS": False}], ["signal_monitor.I001"]),
        ([{"BACKEND": DJANGO_TEMPLATES, "APP_DIRS": True}], []),
        (
            [{"BACKEND": DJANGO_TEMPLATES, "OPTIONS": {"loaders": ["django.template.loaders.app_directories.Loader"]}}],
            [],
        ),
    ],
    ids=["none", "another backend", "no app directories", "app directories", "a loader of app directories"],
)
def test_engine_of_the_pages_own_is_told_where_the_project_has_none_for_apps(
    settings: Settings, templates: list[dict[str, object]], ids: list[str]
) -> None:
    settings.TEMPLATES = templates
    found = list(check_templates())
    assert [message.id for message in found] == ids
    assert all(message.level == checks.INFO for message in found)


class Rule:
    """What is named by mistake in place of an instance, and an instance that can be a rule."""

    async def __call__(self, request: HttpRequest) -> bool:
        return True


class GeneratorRule:
    def __call__(self, request: HttpRequest) -> Iterator[bool]:
        yield True


async def async_generator_rule(request: HttpRequest) -> AsyncIterator[bool]:
    yield True


def generator_rule(request: HttpRequest) -> Iterator[bool]:
    yield True


async def async_rule(request: HttpRequest) -> bool:
    return True


def rule(request: HttpRequest, page: str = "") -> bool:
    return True


def rule_without_request() -> bool:
    return True


async def rule_with_view(request: HttpRequest, view: object) -> bool:
    return True


def rule_with_keyword(request: HttpRequest, *, view: object) -> bool:
    return True


rule_object, partial_rule, generator_object = Rule(), partial(rule_with_view, view=None), GeneratorRule()
lambda_rule, managed_rule = lambda request: True, contextmanager(generator_rule)
HERE = "tests.test_checks"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("no.such", "cannot be imported (ModuleNotFoundError"),
        ("nodots", "cannot be imported (ImportError"),
        ("tests.views.nope", "cannot be imported (ImportError"),
        ("tests.broken_module.rule", "cannot be imported (ZeroDivisionError"),
        ("tests.settings.SIGNAL_MONITOR", "an object of the type dict, which cannot be called"),
        (f"{HERE}.checks_module", "an object of the type module, which cannot be called"),
        (f"{HERE}.Rule", "a class"),
        (f"{HERE}.generator_rule", "a generator function"),
        (f"{HERE}.async_generator_rule", "a generator function"),
        (f"{HERE}.generator_object", "a generator function"),
        (f"{HERE}.managed_rule", "a generator function"),
        (f"{HERE}.rule_without_request", "cannot be called with one argument"),
        (f"{HERE}.rule_with_view", "cannot be called with one argument"),
        (f"{HERE}.rule_with_keyword", "cannot be called with one argument"),
    ],
)
def test_access_rule_that_cannot_be_one_is_told(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, reason: str
) -> None:
    (tmp_path / "broken_module.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    path = path.replace("tests.broken_module", "broken_module")
    settings.SIGNAL_MONITOR = {"STORE": "memory", "ACCESS": path}
    (message,) = check_access()
    assert message.id == "signal_monitor.W011"
    assert repr(path) in message.msg
    assert reason in message.msg


@pytest.mark.parametrize("name", ["rule", "async_rule", "rule_object", "partial_rule", "lambda_rule"])
def test_access_rule_that_can_be_one_is_not_told(settings: Settings, name: str) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "ACCESS": f"{HERE}.{name}"}
    assert list(check_access()) == []


@pytest.mark.parametrize(
    ("debug", "config", "expected"),
    [
        (False, {}, []),
        (False, {"SERVER_TIMING": False}, []),
        (False, {"ACCESS": f"{HERE}.rule"}, ["W013"]),
        (True, {}, ["W014", "W015"]),
        (True, {"ACCESS": f"{HERE}.rule", "SERVER_TIMING": False}, ["W013"]),
        (False, {"SERVER_TIMING": True, "ENABLED": False}, ["W015"]),
    ],
)
def test_deployment_that_lets_more_than_staff_look_is_told(
    settings: Settings, *, debug: bool, config: dict[str, object], expected: list[str]
) -> None:
    settings.DEBUG, settings.SIGNAL_MONITOR = debug, {"STORE": "memory", **config}
    found = checks.run_checks(tags=[TAG], include_deployment_checks=True)
    assert [message.id for message in found] == [f"signal_monitor.{number}" for number in expected]
    assert not [message for message in checks.run_checks(tags=[TAG]) if message.id == "signal_monitor.W013"]


def test_project_without_staff_users_is_told_that_nobody_may_look(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks_module, "get_user_model", lambda: AbstractBaseUser)
    (message,) = check_staff()
    assert message.id == "signal_monitor.W016"
    assert "auth.User has neither is_staff nor is_superuser" in message.msg
    settings.INSTALLED_APPS = ["signal_monitor"]
    (message,) = check_staff()
    assert "'django.contrib.auth' is not in INSTALLED_APPS" in message.msg
    settings.SIGNAL_MONITOR = {"STORE": "memory", "ACCESS": f"{HERE}.rule"}
    assert list(check_staff()) == []


def test_check_deploy_prints_who_else_may_look() -> None:
    command = [sys.executable, "-m", "django", "check", "--deploy", "--tag", "signal_monitor"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.dashboard.rule_settings"}
    result = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "(signal_monitor.W013) SIGNAL_MONITOR['ACCESS'] is 'tests.dashboard.rules.chosen'" in result.stderr


def a_directory_of_another_user(place: Path) -> None:
    place.mkdir()
    os.chown(place, os.geteuid() + 1, -1)  # noqa: PTH - pathlib has names only


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(
            a_directory_of_another_user,
            "belongs to another user",
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away"),
        ),
        (Path.mkdir, "cannot be written to"),
        (Path.touch, "is not a directory"),
    ],
    ids=["other user", "read-only", "file"],
)
def test_store_that_is_not_shared_is_told_with_the_reason(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], reason: str
) -> None:
    (tmp_path / "manage.py").touch()
    settings.BASE_DIR = tmp_path
    monkeypatch.setattr(checks_module, "get_config", Config)
    assert list(check_store_is_shared()) == []

    make(tmp_path / ".signal_monitor")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as root, everything may be written to
    (message,) = check_store_is_shared()
    assert message.id == "signal_monitor.W012"
    assert f"{tmp_path / '.signal_monitor'} {reason}" in message.msg


def test_every_problem_has_an_id_of_its_own() -> None:
    numbers = [problem.number for problem in checks_module.PROBLEMS]
    assert len(numbers) == len(set(numbers))
    assert all(re.fullmatch(r"[WI]\d{3}", number) for number in numbers)
