"""Names of receivers behind decorators, proxies and classes: two receivers have two names, those that people wrote."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import functools
import gc
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import wrapt
from asgiref.sync import async_to_sync, sync_to_async
from celery import Celery, shared_task
from django.db import transaction
from django.dispatch import Signal
from django.utils.decorators import method_decorator

from signal_monitor import names
from signal_monitor.instrumentation import info
from signal_monitor.instrumentation.current import Origin
from signal_monitor.instrumentation.thread_state import begin_origin, end_origin
from signal_monitor.testing import capture_dispatches

HERE = __name__
app = Celery("names", broker="memory://", set_as_current=False)


def charge(sender: Any = None, **kwargs: Any) -> None: ...


def ship(sender: Any = None, **kwargs: Any) -> None: ...


async def notify(sender: Any = None, **kwargs: Any) -> None: ...


async def archive(sender: Any = None, **kwargs: Any) -> None: ...


class Model: ...


class Other: ...


def plain_decorator(function: Callable[..., Any]) -> Callable[..., Any]:
    def inner(**kwargs: Any) -> Any:
        return function(**kwargs)

    return inner


@wrapt.decorator  # type: ignore[untyped-decorator, unused-ignore]
def wrapt_decorator(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    return wrapped(*args, **kwargs)


def follow(model: Any) -> Callable[..., Any]:
    def receiver(**kwargs: Any) -> Any:
        return model

    return receiver


class Retry:
    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, **kwargs: Any) -> Any: ...


class Slotted:
    __slots__ = ("__weakref__", "function")

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, **kwargs: Any) -> Any: ...


class Processor:
    def handle(self, value: Any = None, **kwargs: Any) -> None: ...

    @classmethod
    def of_class(cls, **kwargs: Any) -> None: ...

    first = functools.partialmethod(handle, 1)
    second = functools.partialmethod(handle, 2)

    @plain_decorator
    def decorated(self: Any, **kwargs: Any) -> None: ...

    @method_decorator(transaction.atomic)
    def atomic(self, **kwargs: Any) -> None: ...


class Realtime(Processor): ...


class Queued(Processor): ...


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Limit:
    def __init__(self, limit: Any) -> None:
        self._limit = limit

    def __call__(self, **kwargs: Any) -> Any: ...


class Counter:
    def __init__(self) -> None:
        self.count = 7

    def __call__(self, **kwargs: Any) -> None: ...


@dataclasses.dataclass(eq=False)
class Rule:
    on: bool
    colour: Colour = Colour.RED

    def __call__(self, **kwargs: Any) -> None: ...


def retry(times: int, on_error: Any = None) -> Callable[..., Any]:
    def decorate(function: Any) -> Any:
        def inner(**kwargs: Any) -> Any:
            return function(**kwargs), times, on_error

        return inner

    return decorate


def counting() -> Callable[..., Any]:
    count = 7

    def receiver(**kwargs: Any) -> None:
        nonlocal count
        count += 1

    return receiver


def looped() -> list[Any]:
    made = []
    for model in (Model, Other):

        def receiver(sender: Any, model: Any = model, **kwargs: Any) -> Any: ...

        made.append(receiver)
    return made


@contextlib.contextmanager
def around() -> Iterator[None]:
    yield


WRAPPED: dict[str, Callable[..., Any]] = {
    "async_to_sync": async_to_sync,
    "lru_cache": functools.lru_cache,
    "singledispatch": functools.singledispatch,
    "wrapt": wrapt_decorator,
    "shared_task": shared_task,
    "task": app.task,
    "bound task": app.task(bind=True),
    "contextlib": lambda function: around()(function),
    "atomic": transaction.atomic,
}
CALLING: dict[str, tuple[Callable[..., Any], str]] = {
    "partial": (functools.partial, "partial({})"),
    "decorator": (plain_decorator, f"{HERE}.plain_decorator.<locals>.inner({{}})"),
    "object": (Retry, f"{HERE}.Retry({{}})"),
    "slots": (Slotted, f"{HERE}.Slotted({{}})"),
    "both": (lambda function: Retry(functools.partial(function)), f"{HERE}.Retry(partial({{}}))"),
}


SECRETS: dict[str, Callable[[str], Any]] = {
    "captured": follow,
    "named": lambda text: functools.partial(charge, key=text),
    "attribute": Limit,
    "default": lambda text: lambda text=text, **kwargs: text,
}
ALIKE: dict[str, Callable[[], list[Any]]] = {
    "captured": lambda: [follow(value) for value in (1, 2, True, None, "a", "b", [1], object(), 10**12, Colour.BLUE)],
    "defaults": looped,
    "defaults of lambdas": lambda: [lambda sender, n=n, **kwargs: n for n in range(3)],
    "partials": lambda: [
        functools.partial(charge, **kept) for kept in ({"a": 1}, {"a": 2}, {"b": 1}, {"token": 1}, {})
    ],
    "objects": lambda: [Limit(value) for value in (1, 2, "a", "b", Model, Colour.RED, charge)],
    "dataclasses": lambda: [Rule(True), Rule(False), Rule(True, Colour.BLUE)],  # noqa: FBT003
    "mocks": lambda: [mock.Mock(), mock.Mock(), mock.MagicMock()],
    "decorators": lambda: [retry(3)(charge), retry(4)(charge), retry(3)(ship), retry(3, ship)(charge)],
    "objects in objects": lambda: [Retry(Limit(1)), Retry(Limit(2)), Retry(Retry(charge))],
    "lambdas": lambda: [lambda **kwargs: 1, lambda **kwargs: 2],
    "partials of partials": lambda: [functools.partial(functools.partial(charge, a=n), b=n) for n in range(2)],
}


@pytest.fixture(autouse=True)
def _no_receivers_of_other_tests() -> None:
    gc.collect()


def recorded(*receivers: Any, method: str = "send_robust") -> list[Any]:
    """The calls of the receivers, each by a signal of its own, as they are recorded."""
    calls = []
    for receiver in receivers:
        signal = Signal()
        signal.connect(receiver, weak=False)
        with capture_dispatches() as seen:
            sent = getattr(signal, method)("names")
            if asyncio.iscoroutine(sent):
                asyncio.run(_awaited(sent))
        calls += [call for dispatch in seen.dispatches if dispatch.sender == "names" for call in dispatch.calls]
    return calls


async def _awaited(sent: Any) -> Any:
    return await sent


@pytest.mark.parametrize("kind", WRAPPED)
def test_wrapped_receiver_has_its_own_name_and_line(kind: str) -> None:
    functions = (notify, archive) if kind == "async_to_sync" else (charge, ship)
    calls = recorded(*(WRAPPED[kind](function) for function in functions))
    assert [call.receiver for call in calls] == [f"{HERE}.{function.__name__}" for function in functions]
    assert [(call.path, call.line) for call in calls] == [
        (__file__, function.__code__.co_firstlineno) for function in functions
    ]


def test_receiver_in_a_thread_has_its_own_name() -> None:
    calls = recorded(sync_to_async(charge), sync_to_async(ship), method="asend")
    assert [call.receiver for call in calls] == [f"{HERE}.charge", f"{HERE}.ship"]


@pytest.mark.parametrize("kind", CALLING)
def test_what_a_receiver_calls_is_in_its_name(kind: str) -> None:
    make, form = CALLING[kind]
    calls = recorded(make(charge), make(ship))
    assert [call.receiver for call in calls] == [form.format(f"{HERE}.charge"), form.format(f"{HERE}.ship")]
    assert [call.line for call in calls] == [charge.__code__.co_firstlineno, ship.__code__.co_firstlineno]


def test_functions_made_in_a_loop() -> None:
    given = (Model, Other, charge, Colour.RED, 5, True, 1.5, "ship")
    shown = [f"{HERE}.Model", f"{HERE}.Other", f"{HERE}.charge", f"{HERE}.Colour.RED"]
    shown += ["model=5", "model=True", "model=1.5", "ship"]  # of texts, only a name in the module
    made = [call.receiver for call in recorded(*map(follow, given))]
    assert made == [f"{HERE}.follow.<locals>.receiver({text})" for text in shown]


@pytest.mark.parametrize("kind", SECRETS)
def test_text_that_may_be_a_secret_is_not_in_a_name_and_tells_receivers_apart(kind: str) -> None:
    first, second = (call.receiver for call in recorded(*map(SECRETS[kind], ("swordfish", "sk_live_4242"))))
    assert "swordfish" not in first
    assert "4242" not in second
    assert first != second


@pytest.mark.parametrize("kind", ALIKE)
def test_receivers_that_differ_only_in_values(kind: str) -> None:
    made = ALIKE[kind]()
    found = [call.receiver for call in recorded(*made)]
    assert found == [call.receiver for call in recorded(*reversed(made))][::-1]  # kept as long as they live
    assert len(set(found)) == len(made)


def test_numbers_follow_the_order_of_connection(tmp_path: Path) -> None:
    program = """
        import sys
        from django.conf import settings
        settings.configure(INSTALLED_APPS=["signal_monitor"], SIGNAL_MONITOR={"STORE": "memory"})
        import django
        django.setup()
        from django.dispatch import Signal
        from signal_monitor.testing import capture_dispatches
        signal = Signal()
        def make(url):
            def receiver(**kwargs): return url
            return receiver
        senders = ["s0", "s1", "s2"]
        for sender in senders:
            signal.connect(make(f"https://shop.example/{sender}"), sender=sender, weak=False)
        with capture_dispatches() as seen:
            for number in sys.argv[1:]:
                signal.send(senders[int(number)])
        print(sorted((each.sender, call.receiver) for each in seen.dispatches for call in each.calls))
    """
    run = [sys.executable, "-c", textwrap.dedent(program)]
    ran = [
        subprocess.run([*run, *order], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for order in ("012", "210", "102")
    ]
    name = "__main__.make.<locals>.receiver"
    assert {each.strip() for each in ran} == {str([("s0", name), ("s1", f"{name} #2"), ("s2", f"{name} #3")])}


def test_receivers_that_follow_each_other_have_one_name() -> None:
    assert [recorded(follow(object()))[0].receiver for _ in range(3)] == [f"{HERE}.follow.<locals>.receiver"] * 3


def test_what_changes_is_not_in_a_name() -> None:
    first, second = (call.receiver for call in recorded(counting(), Counter()))
    assert first == f"{HERE}.counting.<locals>.receiver"
    assert second == f"{HERE}.Counter"


def test_names_stay_when_limits_change() -> None:
    receivers = [follow(object()), follow(object())]
    before = [info.receiver_info(each).name for each in receivers]
    info.configure_limits(info._known.limits)
    assert [info.receiver_info(each).name for each in receivers] == before


def test_function_of_several_that_a_decorator_has() -> None:
    (call,) = recorded(retry(3, on_error=ship)(charge))
    assert (
        call.receiver == f"{HERE}.retry.<locals>.decorate.<locals>.inner({HERE}.charge, on_error={HERE}.ship, times=3)"
    )
    assert call.line == charge.__code__.co_firstlineno


def test_partial_methods() -> None:
    holder = Processor()
    calls = recorded(holder.first, holder.second)
    assert len({call.receiver for call in calls}) == 2
    assert {call.line for call in calls} == {Processor.handle.__code__.co_firstlineno}


def test_helper_that_is_defined_beside_a_receiver_is_not_in_its_name() -> None:
    def helper() -> None: ...

    def receiver(**kwargs: Any) -> None:
        helper()

    assert names.receiver_name(receiver).endswith("<locals>.receiver")


def test_lambdas_of_one_line() -> None:
    first, second = lambda **kwargs: 1, lambda **kwargs: 2
    found = {names.receiver_name(each) for each in (first, second)}
    assert len(found) == 2
    assert all(f"<lambda>:{first.__code__.co_firstlineno}:" in name for name in found)


@pytest.mark.parametrize("method", ["handle", "of_class", "decorated", "atomic"])
def test_bound_method_is_named_by_the_class_of_its_object(method: str) -> None:
    signal, processors = Signal(), [Realtime(), Queued(), Processor()]
    for processor in processors:
        signal.connect(getattr(processor, method), weak=False)
    with capture_dispatches() as seen:
        signal.send_robust("names")
    assert [call.receiver for call in seen.dispatches[0].calls] == [
        f"{HERE}.{type(processor).__name__}.{method}" for processor in processors
    ]


def test_mocks_are_told_apart_by_their_names() -> None:
    assert names.receiver_name(mock.Mock(name="mailer")) == "unittest.mock.Mock(mailer)"
    assert names.receiver_name(mock.Mock()) == "unittest.mock.Mock"
    assert names.receiver_name(functools.partial(mock.Mock())) == "partial(unittest.mock.Mock)"


def test_task_is_not_created_by_its_name() -> None:
    lazy = Celery("lazy", broker="memory://", set_as_current=False)
    task = lazy.task(charge)
    assert names.receiver_name(task) == f"{HERE}.charge"
    assert names.receiver_source(task) == (__file__, charge.__code__.co_firstlineno)
    assert not [name for name in lazy._tasks if name.endswith(".charge")]


def test_long_names_differ_where_they_differ() -> None:
    start, end = "a" * 150, "z" * 150
    found = {names.shortened(f"{start}{middle}{end}") for middle in ("1", "2")}
    assert len(found) == 2
    assert all(name.startswith("a" * 100) and name.endswith("z" * 70) and len(name) <= 200 for name in found)


def test_apps_of_receivers_are_known(tmp_path: Path) -> None:
    program = """
        from django.conf import settings
        settings.configure(
            INSTALLED_APPS=["signal_monitor", "outer.apps.OuterConfig", "outer.inner"],
            SIGNAL_MONITOR={"STORE": "memory"},
        )
        import django
        django.setup()
        from django.db.models.signals import class_prepared, post_save
        from signal_monitor import pipeline
        from signal_monitor.stores import get_store
        from signal_monitor.stores.filters import DispatchFilter
        post_save.send(list)
        pipeline.flush()
        found = {call.receiver: call.app for row in get_store().dispatches(DispatchFilter()) for call in row.calls}
        print(sorted(found.items()))
    """
    files = {
        "outer/__init__.py": "",
        "outer/apps.py": """
            from django.apps import AppConfig
            class OuterConfig(AppConfig):
                name, label = "outer", "other_label"
                def ready(self):
                    from . import receivers
                    from django.db.models.signals import post_save
                    post_save.send(dict)
        """,
        "outer/receivers.py": """
            from django.db.models.signals import post_save
            from django.dispatch import receiver
            @receiver(post_save)
            def note(**kwargs): pass
        """,
        "outer/inner/__init__.py": "",
        "outer/inner/models.py": """
            from django.db.models.signals import post_save
            class Holder:
                def note(self, **kwargs): pass
            holder = Holder()
            post_save.connect(holder.note)
        """,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    run = [sys.executable, "-c", textwrap.dedent(program)]
    ran = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert (
        ran.stdout.strip() == "[('outer.inner.models.Holder.note', 'outer.inner'), ('outer.receivers.note', 'outer')]"
    )


def test_receivers_that_requests_connect_have_no_numbers() -> None:
    """A row for each request would hide what they have in common; several of one row are told by a finding."""

    def made() -> object:
        def local(**_kwargs: object) -> None: ...

        return local

    receivers = [made() for _ in range(5)]
    request = Origin("request", "r")
    begin_origin(request)
    try:
        found = {info.receiver_info(receiver).name for receiver in receivers}
    finally:
        end_origin(request)
    assert len(found) == 1
    assert "#" not in found.pop()
