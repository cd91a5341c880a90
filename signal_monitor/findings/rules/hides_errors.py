"""A receiver that hides its own errors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from types import FunctionType, MethodType

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveConnection, LiveSignal, connections
from signal_monitor.findings.own import is_own
from signal_monitor.findings.sources import Function, function_at
from signal_monitor.findings.wording import named

MAX_DECORATORS = 10
RETURNS_ANSWER = re.compile(r"return (?!None$)\S")
HARMLESS = {"get", "isinstance", "issubclass", "getattr", "hasattr", "len"}
"""What a guard may call that hides no work of the receiver."""
EVERYTHING = {"Exception", "BaseException"}
LOGS = re.compile("log|warn|error|exception|exc_info|capture|report|print|notif|mail", re.IGNORECASE)
"""What functions are called that tell somebody of an error."""


class HidesErrors(RegistryRule):
    """A try around its whole body, whose handler for everything does nothing."""

    code = "W108"
    name = "hides-errors"
    title = "A receiver that hides its own errors"
    kind = "Swallowed"
    what = "Nobody sees an error in it: not the sender, not the log, and its calls count as successful."
    remedy = "Catch what you expect, such as `ObjectDoesNotExist`, and log the rest with `logger.exception(…)`."
    sketch = (
        " def {receiver}(sender, instance, **kwargs):",
        "     try:",
        "         instance.newsletter.subscribe()",
        "-    except Exception:",
        "+    except Newsletter.DoesNotExist:",
        "         pass",
    )
    minimum = (
        "A `try` around the work of one of the project's receivers, or `contextlib.suppress()`, that takes every "
        "exception, where no handler logs, raises or uses one, or answers the sender of a signal of the project's. A "
        "guard may stand before it or around it."
    )
    innocent = "`except ObjectDoesNotExist: pass`; a handler that logs; `contextlib.suppress(FileNotFoundError)`."

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        seen = set()
        for connection in connections(signals):
            if connection.name in seen or not is_own(connection.path):
                continue
            seen.add(connection.name)
            hidden = (hidden_by(each, _may_answer(connection)) for each in _functions(connection))
            if what := next(filter(None, hidden), ""):
                message = (
                    f"{named(connection.name, connection.path, connection.line)} drops every exception: `{what}`. "
                )
                message += "Errors in it are seen by nobody, and its calls count as successful."
                where = {"path": connection.path, "line": connection.line}
                yield self.finding("receiver", connection.name, message, **where)


def _functions(connection: LiveConnection) -> Iterator[Function]:
    """The source of a receiver, and of the functions that decorators have put around it."""
    places = [(connection.path, connection.line), *_around(connection.receiver)]
    for path, line in dict.fromkeys(places):
        if is_own(path) and (function := function_at(path, line)) is not None:
            yield function


def _around(receiver: object) -> Iterator[tuple[str, int]]:
    """Where the functions are defined that a receiver consists of, the outermost first."""
    step = receiver.__func__ if type(receiver) is MethodType else receiver
    for _ in range(MAX_DECORATORS):
        if type(step) is not FunctionType:
            return
        yield step.__code__.co_filename, step.__code__.co_firstlineno
        step = step.__dict__.get("__wrapped__")


def _may_answer(connection: LiveConnection) -> bool:
    """Whether what a receiver returns may say that it has failed: nobody looks at it for Django's signals."""
    return not connection.signal_name.startswith("django.")


def hidden_by(function: Function, may_answer: bool = False) -> str:  # noqa: FBT001, FBT002
    """The line that drops every exception of a function: "except Exception: pass"; "" if there is none.

    With ``may_answer``, what a handler returns may be an answer.
    """
    found = _hidden_in(function.body)
    return "" if may_answer and RETURNS_ANSWER.search(found) else found


def _hidden_in(statements: Sequence[ast.stmt]) -> str:
    """The same for the statements of a block: it may be the body of an ``if`` or ``with`` around all of it."""
    body = [each for each in statements if not _is_trivial(each)]
    if len(body) != 1:
        return ""
    if isinstance(body[0], ast.If) and not body[0].orelse and not _calls(body[0].test):
        return _hidden_in(body[0].body)
    if isinstance(body[0], ast.With | ast.AsyncWith):
        suppressed = [each for item in body[0].items for each in _suppressed(item.context_expr)]
        return f"with suppress({suppressed[0]})" if suppressed else _hidden_in(body[0].body)
    return _hidden_by_try(body[0]) if isinstance(body[0], ast.Try) else ""


def _hidden_by_try(statement: ast.Try) -> str:
    handler = next((each for each in statement.handlers if _takes_everything(each.type)), None)
    if handler is None or not all(_does_nothing(each) for each in handler.body):
        return ""
    if any(map(_tells, statement.handlers)):
        return ""
    kind = f" {ast.unparse(handler.type)}" if handler.type is not None else ""
    return f"except{kind}: {'; '.join(map(ast.unparse, handler.body))}"


def _calls(expression: ast.expr) -> bool:
    """Whether an expression calls something of the project's: anything but what reads an argument."""
    called = (node.func for node in ast.walk(expression) if isinstance(node, ast.Call))
    return any(ast.unparse(function).rpartition(".")[2] not in HARMLESS for function in called)


def _is_trivial(statement: ast.stmt) -> bool:
    """Whether a statement is not the receiver's work: a docstring, a guard that returns, an import or a plain name."""
    if isinstance(statement, ast.Return):
        return statement.value is None or isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.If):
        returns = all(isinstance(each, ast.Return) and _is_trivial(each) for each in statement.body)
        return returns and not statement.orelse and not _calls(statement.test)
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return statement.value is not None and _is_to_names(statement) and not _calls(statement.value)
    return isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass) or _is_constant(statement)


def _is_to_names(statement: ast.Assign | ast.AnnAssign) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return all(isinstance(target, ast.Name) for target in targets)


def _is_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _takes_everything(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(isinstance(each, ast.Name) and each.id in EVERYTHING for each in kinds)


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Return):
        return statement.value is None or isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Assign):  # to a name that nothing reads: the rest of the body is trivial
        return isinstance(statement.value, ast.Constant) and all(isinstance(to, ast.Name) for to in statement.targets)
    return isinstance(statement, ast.Pass | ast.Continue) or _is_constant(statement)


def _tells(handler: ast.ExceptHandler) -> bool:
    """Whether a handler raises, uses the exception, or calls something that logs it."""
    for node in (node for statement in handler.body for node in ast.walk(statement)):
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Name) and node.id == handler.name):
            return True
        if isinstance(node, ast.Call) and LOGS.search(ast.unparse(node.func)):
            return True
    return False


def _suppressed(manager: ast.expr) -> Iterator[str]:
    if isinstance(manager, ast.Call) and ast.unparse(manager.func) in {"suppress", "contextlib.suppress"}:
        yield from (each.id for each in manager.args if isinstance(each, ast.Name) and each.id in EVERYTHING)
