"""Names of signals: the module that defines them, in whatever order modules and threads come."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import django
import pytest
from django.dispatch import Signal

from signal_monitor.instrumentation.info import signal_info
from signal_monitor.names import SignalNames, search, signals

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


SHOP = {
    "made.py": """
        from django.dispatch import Signal
        ALL = []
        def make():
            ALL.append(Signal())
            return ALL[-1]
        class Registry:
            def __init__(self):
                self.saved, self._by_name = make(), {"sent": Signal()}
            def __getattr__(self, name): raise AssertionError(name)
            def __eq__(self, other): raise AssertionError
            def __hash__(self): raise AssertionError
            @property
            def computed(self): raise AssertionError
        """,
    "shop/__init__.py": "from .events import EVENTS as OURS, registry",
    "shop/lists.py": "from shop.events import *\nfrom shop.events import EVENTS\npaid = EVENTS['paid']",
    "shop/events.py": """
        import collections, dataclasses, enum, types
        from django.dispatch import Signal
        from django.utils.functional import SimpleLazyObject
        from made import Registry, make
        def explode(): raise AssertionError
        LAZY = [SimpleLazyObject(explode)]
        class Kind(enum.Enum):
            SOLD = make()
        EVENTS = {"paid": make(), 3: make(), Kind.SOLD: make(), ("a", 1): make()}
        PAIR, LISTED = (make(), make()), [make(), make()]
        ORDERED, DEFAULTS = collections.OrderedDict(paid=Signal()), collections.defaultdict(Signal)
        DEFAULTS["paid"]
        NAMED = collections.namedtuple("Named", "paid sent")(make(), make())
        FIXED, PLAIN = types.MappingProxyType({"paid": make()}), types.SimpleNamespace(paid=make())
        class Orders:
            paid = make()
            class Inner:
                paid, table = make(), {"paid": make()}
        @dataclasses.dataclass
        class Fields:
            paid: Signal = dataclasses.field(default_factory=Signal)
            sent: Signal = dataclasses.field(default_factory=make)
        @dataclasses.dataclass(slots=True)
        class Slots:
            paid: Signal = dataclasses.field(default_factory=Signal)
        fields, slots, registry = Fields(), Slots(), Registry()
        NESTED = {"orders": {"paid": [make()]}}
        """,
}
IN_SHOP = [
    *("Kind.SOLD", "EVENTS['paid']", "EVENTS[3]", "EVENTS[shop.events.Kind.SOLD]", "PAIR[0]", "PAIR[1]", "LISTED[0]"),
    *("LISTED[1]", "ORDERED['paid']", "DEFAULTS['paid']", "NAMED.paid", "NAMED.sent", "FIXED['paid']", "PLAIN.paid"),
    *("Orders.paid", "Orders.Inner.paid", "Orders.Inner.table['paid']", "fields.paid", "fields.sent", "slots.paid"),
    *("registry.saved", "registry._by_name['sent']", "NESTED['orders']['paid'][0]"),
]
MEET = """
    import sys
    from django.conf import settings
    settings.configure()
    import signal_monitor
    if "first" in sys.argv: signal_monitor.instrument()
    import shop.events
    if "imported" in sys.argv: import shop.lists
    signal_monitor.instrument()
    from signal_monitor.instrumentation.info import signal_info
    signals = {path: eval("shop.events." + path) for path in __PATHS__}
    signals["Kind.SOLD"] = signals["Kind.SOLD"].value
    order = sorted(signals, reverse="reversed" in sys.argv)
    print([path for path in order if signal_info(signals[path]).name != "shop.events." + path])
    """


@pytest.mark.parametrize("how", ["", "first", "imported", "first imported", "first imported reversed", "reversed"])
def test_signals_that_only_containers_have(tmp_path: Path, how: str) -> None:
    program = f"import sys; sys.argv += {how.split()}\n{textwrap.dedent(MEET).replace('__PATHS__', str(IN_SHOP))}"
    assert run(tmp_path, program, SHOP) == "[]"


@pytest.mark.parametrize("order", ["0123", "3210"])
def test_signals_that_nothing_names_are_told_apart(tmp_path: Path, order: str) -> None:
    files = {
        "made.py": "from django.dispatch import Signal\ndef make(): return Signal()",
        "kept.py": """
            from made import make
            def keep(signal): return lambda: signal
            kept = keep(make())
            others = [keep(make()) for _ in range(2)]
        """,
        "also.py": "from made import make\ndef keep(signal): return lambda: signal\nkept = keep(make())",
    }
    imports = ("import kept, also", "import also, kept")[order == "3210"]
    program = f"""
        import signal_monitor; signal_monitor.instrument()
        {imports}
        from signal_monitor.instrumentation.info import signal_info
        signals = [each() for each in (kept.kept, *kept.others, also.kept)]
        names = {{number: signal_info(signals[number]).name for number in map(int, "{order}")}}
        print(*(names[number] for number in range(4)))
    """
    names = run(tmp_path, program, files).split(" kept.")
    name, line, other = "kept.signal-", names[0], names[1]
    assert line.startswith(name)
    assert names[2].startswith(f"{other} #2 also.signal-")


def test_signals_of_before_that_nothing_names_are_two_rows(tmp_path: Path) -> None:
    program = """
        from django.dispatch import Signal
        kept = {Signal(), Signal()}
        import signal_monitor; signal_monitor.instrument()
        from signal_monitor.instrumentation.info import signal_info
        print(len({signal_info(each).name for each in kept}), len({signal_info(each).name for each in kept}))
    """
    assert run(tmp_path, program, {}) == "2 2"


def test_search_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    deep: list[object] = [Signal()]
    for _ in range(50):
        deep = [deep]
    monkeypatch.setitem(globals(), "DEEP", deep)
    cycle: list[object] = []
    cycle.append(cycle)
    monkeypatch.setitem(globals(), "CYCLE", cycle)
    monkeypatch.setitem(globals(), "WIDE", [[number] for number in range(100_000)])
    started = time.thread_time()
    found = search.search(Signal)
    assert time.thread_time() - started < 10 * search.MAX_SECONDS
    assert {len(held.steps) for places in found.values() for held in places} <= set(range(search.MAX_DEPTH + 1))


class Thing:
    """Creates a signal for each of its objects, as a widget or a connection does."""

    def __init__(self) -> None:
        self.changed = Signal()


def test_signals_of_objects_are_not_looked_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that sends waits for the name: fifty milliseconds for each object would be felt."""
    monkeypatch.setitem(globals(), "WIDE", [[number] for number in range(100_000)])
    original, searched, now = search.search, [], 0.0

    def counted(*given: Any) -> Any:
        nonlocal now
        searched.append(given)
        now += 0.025
        return original(*given)

    monkeypatch.setattr(signals, "search", counted)
    monkeypatch.setattr(signals, "monotonic", lambda: now)
    names = SignalNames(Signal)

    for _ in range(200):
        assert names.find(Thing().changed, HERE) is None

    assert 0 < len(searched) < 60


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
