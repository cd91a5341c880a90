"""The project's own Python files, and which of them are imported."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from django.apps import AppConfig, apps
from django.conf import settings

from .call_sites import parse
from .files import Reader
from .own import is_own
from .unrun import file_of, never_run

MAX_TEXT = 200
IMPORTERS = re.compile("import|discover|load")
"""What functions are called that import a module by its name."""
LEFT_OUT = {"tests", "testing", "migrations", "management", "conftest.py", "celery.py"}
SIGNAL_MODULES = (
    "django.db.models.signals",
    "django.core.signals",
    "django.contrib.auth.signals",
    "django.db.backends.signals",
    "django.test.signals",
)


def own_apps() -> list[AppConfig]:
    """The installed apps that are the project's own."""
    return [
        config for config in apps.get_app_configs() if is_own(f"{config.path}/") and config.name != "signal_monitor"
    ]


def files_of(config: AppConfig, reader: Reader) -> Iterator[Path]:
    """The modules of an app, without tests, migrations, commands and other apps inside it."""
    others = [Path(other.path) for other in apps.get_app_configs() if other is not config]
    for path in reader.listed(Path(config.path), LEFT_OUT, others):
        if path.stem.isidentifier() and not path.name.startswith(("test_", "tests")):
            yield path


def module_name(config: AppConfig, path: Path) -> str:
    """The name under which a file of an app would be imported."""
    parts = list(path.relative_to(config.path).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join([config.name, *parts])


def imported_files() -> set[str]:
    """The files of all modules that are imported, whatever their names."""
    return {file for name in list(sys.modules) if (file := file_of(name))}


class Unconnected(NamedTuple):
    """A function that a file would connect, its line, and the last names of the signals."""

    name: str
    line: int
    signals: tuple[str, ...] = ()


def connected_in(text: bytes) -> list[Unconnected]:
    """The functions that a file would connect to signals when it is imported."""
    tree = parse(text) if b"receiver" in text or b".connect(" in text else None
    if tree is None:
        return []
    decorators, signals = _names_of(tree)
    found = [
        Unconnected(node.name, node.lineno, tuple(name for call in calls for name in _last_names(call.args[:1])))
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (calls := [each for each in _calls(node.decorator_list) if _is_receiver(each.func, decorators)])
    ]
    return [*found, *(row for node in tree.body for row in _connected_by(node, signals))]


def _calls(expressions: Iterable[ast.expr]) -> list[ast.Call]:
    return [each for each in expressions if isinstance(each, ast.Call)]


def _last_names(expressions: Iterable[ast.expr]) -> Iterator[str]:
    """The last names of signals: of one, or of several in a list or tuple."""
    for each in expressions:
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.Attribute):
            yield each.attr
        elif isinstance(each, ast.List | ast.Tuple):
            yield from _last_names(each.elts)


def _names_of(tree: ast.Module) -> tuple[set[str], set[str]]:
    """What a module calls ``django.dispatch.receiver``, and the signals of Django that it imports."""
    decorators, signals = set(), set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                if node.module in {"django.dispatch", "django.dispatch.dispatcher"} and alias.name == "receiver":
                    decorators.add(alias.asname or alias.name)
                if node.module in SIGNAL_MODULES:
                    signals.add(alias.asname or alias.name)
    return decorators, signals


def _is_receiver(function: ast.expr, decorators: set[str]) -> bool:
    if isinstance(function, ast.Name):
        return function.id in decorators
    return ast.unparse(function) in {"django.dispatch.receiver", "dispatch.receiver"}


def _connected_by(node: ast.stmt, signals: set[str]) -> Iterator[Unconnected]:
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "connect":
        return
    if isinstance(call.func.value, ast.Name) and call.func.value.id in signals and call.args:
        yield Unconnected(ast.unparse(call.args[0]), node.lineno, (call.func.value.id,))


def mentioned(modules: Mapping[Path, str], reader: Reader) -> set[Path]:
    """The files, given with their modules, that another file of the project imports or has as text."""
    found: set[Path] = set()
    lasts = {file: module.rpartition(".")[2].encode() for file, module in modules.items()}
    for path in project_files(reader) if modules else ():
        text = reader.read(path)
        # Few files have the name, and only these are parsed.
        named = [file for file, last in lasts.items() if file != path and file not in found and last in text]
        imports = _imports(path, text) if named else None
        found |= {file for file in named if imports is not None and _is_mentioned(imports, modules[file], file)}
    return found


def _is_mentioned(imports: Imports, module: str, file: Path) -> bool:
    """Whether a file imports a module, or has its name as text, as for ``import_module()``."""
    ends = {module, *_ends(module)}
    target = file.parent if file.name == "__init__.py" else file.with_suffix("")
    is_text = not imports.texts.isdisjoint({module.rpartition(".")[2], *ends})
    return is_text or not ends.isdisjoint(imports.modules) or target in imports.paths


def _ends(module: str) -> list[str]:
    """The ends of a dotted name with two parts or more: "pitfalls.receivers" of "demo.pitfalls.receivers"."""
    parts = module.split(".")
    return [".".join(parts[start:]) for start in range(len(parts) - 1)]


class Imports(NamedTuple):
    """What a file imports: by absolute name, by path if the import is relative; and the texts in it."""

    modules: frozenset[str]
    paths: frozenset[Path]
    texts: frozenset[str]


def _imports(path: Path, text: bytes) -> Imports:
    tree = parse(text)
    unrun = never_run(tree, path) if tree is not None else set()
    modules: set[str] = set()
    paths: set[Path] = set()
    texts: set[str] = set()
    for node in ast.walk(tree) if tree is not None else ():
        if id(node) in unrun:
            continue
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            paths |= {base, *(base / alias.name for alias in node.names)}
        elif isinstance(node, ast.ImportFrom):
            modules |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
        elif isinstance(node, ast.Call) and IMPORTERS.search(ast.unparse(node.func)):
            texts |= {each.lstrip(".") for each in _texts(node)}
        elif isinstance(node, ast.Constant):
            texts |= {each for each in _texts(node) if "." in each}
    return Imports(frozenset(modules), frozenset(paths), frozenset(texts))


def _texts(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and type(each.value) is str and len(each.value) < MAX_TEXT:
            yield each.value


def project_files(reader: Reader) -> tuple[Path, ...]:
    """The project's own files that may import a receiver's module: those of its apps, and those beside its settings."""
    found = {path for config in own_apps() for path in reader.listed(Path(config.path))}
    roots = {Path(file).parent for name in ("ROOT_URLCONF", "settings") if (file := _file_of_setting(name))}
    found |= {path for root in roots for path in (*root.glob("*.py"), *root.parent.glob("*.py")) if is_own(str(path))}
    return tuple(sorted(found))


def _file_of_setting(name: str) -> str:
    module = settings.SETTINGS_MODULE if name == "settings" else getattr(settings, name, None)
    return file_of(str(module))
