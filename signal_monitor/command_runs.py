"""Counts the runs of management commands by their names, as requests are counted by view and tasks by name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import NoneType
from typing import Any

from django.core.management.base import BaseCommand

from .errors import guarded
from .instrumentation.capture import failure_of
from .instrumentation.frames_as_django import hidden_from_stacklevel
from .instrumentation.record_queue import record_queue
from .own_command import COMMAND
from .pipeline import runtime
from .pipeline.request_origin import TimedOrigin
from .text import cleaned

Method = Callable[..., None]


class CommandRun(TimedOrigin):
    """A management command that the command line has called.

    It is not the origin of dispatches, so that they cost what they cost elsewhere: all that the process has dispatched
    is the command's.
    """

    __slots__ = ("name",)
    subject = "command"

    def __init__(self, name: str) -> None:
        self.name = cleaned(name)
        super().__init__("command", self.name)

    @property
    def key(self) -> str:
        """The name of the command."""
        return self.name


class _Ours:
    """Our method, while it is in place of Django's, and Django's."""

    method: Method | None = None
    djangos: Method | None = None


def count_commands() -> None:
    """Count commands from now on; calling it again changes nothing."""
    if _Ours.method is None:
        _Ours.djangos = BaseCommand.run_from_argv
        _Ours.method = BaseCommand.run_from_argv = _counted(BaseCommand.run_from_argv)  # type: ignore[method-assign]


def count_no_commands() -> None:
    """Count none any more, unless another tool has wrapped the method since."""
    # Not by an attribute of ours: functools.wraps copies it to what wraps our method.
    if _Ours.method is not None and BaseCommand.run_from_argv is _Ours.method:
        BaseCommand.run_from_argv, _Ours.method = _Ours.djangos, None  # type: ignore[assignment,method-assign]


def _counted(original: Method) -> Method:
    @functools.wraps(original)
    def run_from_argv(self: BaseCommand, argv: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Django's signature
        run = _begun(argv)
        try:
            original(self, argv, *args, **kwargs)
        except BaseException as error:
            _end(run, error)
            raise
        _end(run)

    return hidden_from_stacklevel(run_from_argv)  # type: ignore[no-any-return]


@guarded("the start of a command", None, in_send=True)
def _begun(argv: Any) -> CommandRun | None:  # noqa: ANN401 - whatever is given
    name = argv[1]
    return CommandRun(name) if type(name) is str and name != COMMAND else None


@guarded("the end of a command", None, in_send=True)
def _end(run: CommandRun | None, error: BaseException | None = None) -> None:
    """Hand a command to the worker, if it runs: a command that has dispatched nothing starts none."""
    if run is None or not runtime.has_begun():
        return
    if error is not None and not isinstance(error, KeyboardInterrupt):
        run.failure = None if _is_success(error) else failure_of(_cause(error))
    run.end()
    record_queue.append(run)


def _is_success(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and type(error.code) in {int, NoneType} and not error.code


def _cause(error: BaseException) -> BaseException:
    """The exception for which a command ends the process: Django does so with a ``CommandError``."""
    return error.__context__ or error if isinstance(error, SystemExit) else error
