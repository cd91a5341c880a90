"""What frames, warnings and log records say between a receiver and who sends."""

from __future__ import annotations

import inspect
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import django
from django.dispatch import Signal

from tests.transparency.calls import METHODS, SYNC, Sender, call, connected, first
from tests.transparency.scenario import at_most_less, at_most_more, scenario, shown

CAN_SKIP_FILES = sys.version_info >= (3, 12)
KINDS: dict[str, Any] = {"plain": {}, "caching": {"use_caching": True}}
ROWS = {f"{kind}-{method}": (KINDS[kind], method) for kind in KINDS for method in SYNC}
INSTANCES = {f"{name}-{method}": (name, method) for name in ("class", "instance") for method in SYNC}


def short(filename: str) -> str:
    return "/".join(filename.split("/")[-3:])


def seen_by(receiver: Callable[..., Any], options: Any, method: str) -> Any:
    """What a receiver answers, for a class and for instances, again and again."""
    signals = [connected(receiver, *more, **options) for more in ((), (first,))]
    senders = (Sender, Sender, Sender(), Sender)
    return [shown(call(made, method, sender)[0][1]) for made in signals for sender in senders]


def caller(**named: Any) -> Any:
    frame: Any = sys._getframe(1)
    code = frame.f_code
    return [short(code.co_filename), code.co_name, code.co_qualname, frame.f_globals["__name__"]]


def inspected(**named: Any) -> Any:
    return [[short(item.filename), item.function] for item in inspect.stack()[1:3]]


def extracted(**named: Any) -> Any:
    return [[short(item.filename), item.name] for item in traceback.extract_stack(limit=3)]


def module_of_caller(**named: Any) -> Any:
    module = inspect.getmodule(sys._getframe(1))
    return module and module.__name__


def variables_of_caller(**named: Any) -> Any:
    """The variables of Django's function that tools look for."""
    found = sys._getframe(1).f_locals
    return [name in found for name in ("self", "sender", "named", "receiver", "responses")]


SEEN = {item.__name__: item for item in (caller, inspected, extracted, module_of_caller)}


@scenario({f"{name}-{row}": (SEEN[name], *ROWS[row]) for name in SEEN for row in ROWS})
def above_a_receiver(row: Any) -> Any:
    receiver, options, method = row
    return seen_by(receiver, options, method)


@scenario(METHODS)
def above_a_receiver_of_every_method(method: str) -> Any:
    return [shown(call(connected(caller), method, Sender)[0][1]) for _ in range(2)]


@scenario(ROWS)
def in_a_traceback(row: Any) -> Any:
    options, method = row

    def failing(**named: Any) -> None:
        raise LookupError("failing")

    seen = []
    made = connected(failing, **options)
    for _ in range(3):
        try:
            ((_, error),) = getattr(made, method)(Sender)
        except LookupError as raised:
            error = raised
        frames = traceback.extract_tb(error.__traceback__)
        seen.append([[short(frame.filename), frame.name] for frame in frames])
    return seen


def warned(receiver: Callable[..., Any], filters: Callable[[], None], options: Any, method: str) -> Any:
    """Whether and where warnings arrive under filters; ones raised as errors are answered."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        filters()
        seen = []
        made = connected(receiver, **options)
        for _ in range(3):
            try:
                seen.append(shown(getattr(made, method)(Sender)))
            except UserWarning as error:
                seen.append(shown(error))
    return [seen, [[short(item.filename), str(item.message)] for item in caught]]


def warner(stacklevel: int) -> Callable[..., Any]:
    def receiver(**named: Any) -> None:
        warnings.warn("receiver", UserWarning, stacklevel=stacklevel)

    return receiver


DJANGOS = r"django\.dispatch\.dispatcher"
FILTERS: dict[str, Callable[[], None]] = {
    "always": lambda: warnings.simplefilter("always"),
    "default": lambda: warnings.simplefilter("default"),
    "once": lambda: warnings.simplefilter("once"),
    "of_module": lambda: warnings.filterwarnings("always", module=DJANGOS),
    "error_of_module": lambda: warnings.filterwarnings("error", module=DJANGOS),
    "error_of_programs": lambda: warnings.filterwarnings("error", module=r"tests\."),
    "of_django": lambda: warnings.filterwarnings("always", module=r"django($|\.)"),
}


@scenario({f"{name}-{level}-{row}": (name, level, *ROWS[row]) for name in FILTERS for level in (2, 3) for row in ROWS})
def under_warning_filters(row: Any) -> Any:
    name, level, options, method = row
    return warned(warner(level), FILTERS[name], options, method)


@scenario({"django": "django", "dispatch": "django/dispatch"})
def with_skipped_files(prefix: str) -> Any:
    if not CAN_SKIP_FILES:
        return None
    skipped = os.path.join(os.path.dirname(django.__file__), prefix.removeprefix("django").strip("/"))  # noqa: PTH118, PTH120

    def receiver(**named: Any) -> None:
        options: Any = {"skip_file_prefixes": (__file__.replace("frames", "none"), skipped)}
        warnings.warn("receiver", UserWarning, **options)

    def above(made: Signal, method: str) -> Any:
        return getattr(made, method)(Sender)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for method in SYNC:
            for options in KINDS.values():
                made = connected(_elsewhere(receiver), **options)
                above(made, method)
                above(made, method)
    return [[short(item.filename), item.lineno] for item in caught]


def _elsewhere(receiver: Any) -> Any:
    """The receiver as code of a file below Django's directory, which is skipped too."""
    code = receiver.__code__.replace(co_filename=os.path.join(os.path.dirname(django.__file__), "x.py"))  # noqa: PTH118, PTH120
    receiver.__code__ = code
    return receiver


@scenario({f"{level}-{row}": (level, *ROWS[row]) for level in (1, 2, 3) for row in ROWS})
def in_log_records(row: Any) -> Any:
    level, options, method = row
    records: list[Any] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(  # type: ignore[method-assign]
        [short(record.pathname), record.funcName, record.module, record.filename]
    )
    logger = logging.getLogger("programs.frames")
    logger.addHandler(handler)

    def receiver(**named: Any) -> Any:
        logger.warning("receiver", stacklevel=level)
        return [short(item) if index == 0 else item for index, item in enumerate(_found(logger, level))]

    seen = seen_by(receiver, options, method)
    logger.removeHandler(handler)
    return [records, seen]


def _found(logger: logging.Logger, level: int) -> Any:
    filename, _, function, _ = logger.findCaller(stacklevel=level + 1)
    return filename, function


@scenario({"send": "send", "send_robust": "send_robust"})
def where_a_robust_failure_is_logged(method: str) -> Any:
    records: list[Any] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(  # type: ignore[method-assign]
        [short(record.pathname), record.funcName, record.getMessage()]
    )
    logger = logging.getLogger("django.dispatch")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR)
    logger.propagate = False

    def failing(**named: Any) -> None:
        raise LookupError("failing")

    for options in KINDS.values():
        made = connected(failing, **options)
        for _ in range(3):
            try:
                getattr(made, method)(Sender)
            except LookupError:
                records.append("raised")
    logger.removeHandler(handler)
    logger.setLevel(level)
    logger.propagate = True
    return records


def depth_reached(made: Any, send: str) -> int:
    """How deep a signal can be sent by its own receiver."""
    depth = 0

    def receiver(**named: Any) -> None:
        nonlocal depth
        depth += 1
        getattr(made, send)(Sender)

    made.connect(receiver)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        made.send(Sender)
    except RecursionError:
        pass
    finally:
        sys.setrecursionlimit(limit)
        made.disconnect(receiver)
    return depth


@scenario(KINDS, same=at_most_less(1 if sys.version_info >= (3, 12) else 2))
def depth_at_the_recursion_limit(options: Any) -> Any:
    return min(depth_reached(Signal(**options), "send") for _ in range(3))


@scenario(KINDS)
def after_the_recursion_limit(options: Any) -> Any:
    made = Signal(**options)
    depth_reached(made, "send")
    made.connect(first)
    return [shown(made.send(Sender, value=1)), shown(made.send_robust(Sender, value=2))]


@scenario({f"{row}-{warm}": (*ROWS[row], warm) for row in ROWS for warm in (0, 3)}, same=at_most_more(3))
def frames_needed(row: Any) -> Any:
    """How many frames must be left for a send to succeed."""
    options, method, warm = row
    made = connected(first, first, **options)
    for _ in range(warm):
        made.send(Sender)
        made.send_robust(Sender)
    send = getattr(made, method)
    limit, depth = sys.getrecursionlimit(), len(inspect.stack(0))
    for frames in range(1, 60):
        try:
            sys.setrecursionlimit(depth + frames)
            send(Sender)
        except RecursionError:
            continue
        finally:
            sys.setrecursionlimit(limit)
        return frames
    return None
