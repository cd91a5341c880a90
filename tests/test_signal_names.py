"""Names of signals: the module that defines them, in whatever order modules and threads come."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import django
import pytest
from django.dispatch import Signal

from signal_monitor.instrumentation.info import signal_info
from signal_monitor.names import SignalNames

HERE = __name__
EVENTS = {"paid": Signal(), "sent": Signal()}
LISTED = [Signal()]


class Meta(type): ...


class Holder(metaclass=Meta):
    held = Signal()


def run(directory: Path, program: str, files: dict[str, str]) -> str:
    """What a program prints, beside modules of these texts."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    command = [sys.executable, "-c", textwrap.dedent(program)]
    ran = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def test_signals_in_containers_and_classes() -> None:
    assert signal_info(EVENTS["paid"]).name == f"{HERE}.EVENTS['paid']"
    assert signal_info(EVENTS["sent"]).name == f"{HERE}.EVENTS['sent']"
    assert signal_info(LISTED[0]).name == f"{HERE}.LISTED[0]"
    assert signal_info(Holder.held).name == f"{HERE}.Holder.held"


def test_every_signal_of_django_has_the_name_of_its_definition() -> None:
    defined = {}
    for info in pkgutil.walk_packages(django.__path__, "django.", onerror=lambda name: None):
        if ".migrations" in info.name or "__main__" in info.name or ".gis" in info.name:
            continue
        try:
            module = importlib.import_module(info.name)
        except Exception:  # noqa: BLE001, S112 - of an optional dependency
            continue
        source = Path(str(module.__file__)).read_text() if module.__file__ else ""
        for attribute, value in vars(module).items():
            if issubclass(type(value), Signal) and f"\n{attribute} = " in source:
                defined[f"{info.name}.{attribute}"] = value
    assert len(defined) > 20
    unknown = SignalNames(Signal)
    assert {name: unknown.find(signal) for name, signal in defined.items()} == {name: name for name in defined}


@pytest.mark.parametrize("instrumented_first", [True, False])
def test_importer_never_gives_its_name(tmp_path: Path, instrumented_first: bool) -> None:  # noqa: FBT001
    files = {
        "core/__init__.py": "",
        "core/signals.py": """
            from django.db.models.signals import post_save
            from longer_library.events import paid, aliased as sent
            from longer_library import events
            copied = events.third
        """,
        "longer_library/__init__.py": "from .events import paid, third",
        "longer_library/events.py": """
            from django.dispatch import Signal
            def make(): return Signal()
            paid = Signal()
            aliased: Signal = Signal()
            third = make()
        """,
    }
    first, second = ("import signal_monitor; signal_monitor.instrument()", "import core.signals")
    lines = [first, second] if instrumented_first else [second, first]
    program = "\n".join(
        [
            *lines,
            "import core.signals as s, longer_library.events as e",
            "from signal_monitor.instrumentation.info import signal_info",
            "print([signal_info(each).name for each in (s.post_save, e.paid, e.aliased, e.third)])",
        ]
    )
    library = "longer_library.events"
    expected = ["django.db.models.signals.post_save", f"{library}.paid", f"{library}.aliased", f"{library}.third"]
    assert run(tmp_path, program, files) == str(expected)


def test_threads_that_meet_signals_at_once(tmp_path: Path) -> None:
    program = """
        import importlib, threading
        import signal_monitor; signal_monitor.instrument()
        from signal_monitor.instrumentation.info import signal_info
        def meet(offset):
            for number in range(50):
                module = importlib.import_module(f"shop{number % 2 * 25 + (number + offset) % 25}")
                met.append((module.__name__, signal_info(module.paid).name))
        met = []
        threads = [threading.Thread(target=meet, args=[offset]) for offset in (0, 7, 13)]
        [thread.start() for thread in threads]; [thread.join() for thread in threads]
        print(len(met), [name for module, name in met if name != f"{module}.paid"])
    """
    files = {f"shop{number}.py": "from made import make\npaid = make()" for number in range(50)}
    files["made.py"] = "from django.dispatch import Signal\ndef make(): return Signal()"
    assert run(tmp_path, program, files) == "150 []"


def test_signal_that_died_gives_its_name_to_none() -> None:
    names = SignalNames(Signal)
    globals()["shortlived"] = Signal()
    assert names.find(globals()["shortlived"]) == f"{HERE}.shortlived"
    del globals()["shortlived"]
    assert {names.find(Signal()) for _ in range(20)} == {None}


def test_threads_during_a_look() -> None:
    names, found = SignalNames(Signal), []
    threads = [threading.Thread(target=lambda: found.append(names.find(Holder.held))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [f"{HERE}.Holder.held"] * 8
