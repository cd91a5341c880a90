"""Whether the code that sends a signal uses the responses, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from signal_monitor.records import METHODS, Dispatch, Frame

MAX_BYTES = 2_000_000


def send_site(dispatch: Dispatch) -> Frame | None:
    """The line of the project that has called the send method; None if the code that it called did, as a library's."""
    site = dispatch.call_site
    return site if site is not None and dispatch.stack and dispatch.stack[-1] == site else None


def is_bare(dispatch: Dispatch) -> bool:
    """Whether a send is a statement of its own, so that nothing looks at its responses; False if that is not known."""
    frame = send_site(dispatch)
    if frame is None:
        return False
    found = [bare for first, last, bare in _sends(frame.path, changed_at(frame.path)) if first <= frame.line <= last]
    return bool(found) and all(found)


def changed_at(path: str) -> int:
    """When a file was changed; 0 if it is not there."""
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=256)
def _sends(path: str, changed_at: int) -> tuple[tuple[int, int, bool], ...]:
    """The lines of each send in a file, and whether it is a bare statement."""
    tree = parsed(path, changed_at)
    if tree is None:
        return ()
    bare = {id(call) for node in ast.walk(tree) if isinstance(node, ast.Expr) for call in _called(node.value)}
    return tuple((node.lineno, node.end_lineno or node.lineno, id(node) in bare) for node in _send_calls(tree))


def _called(node: ast.expr) -> Iterator[ast.expr]:
    yield node.value if isinstance(node, ast.Await) else node


def _send_calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            yield node


@lru_cache(maxsize=64)
def parsed(path: str, _changed_at: int = 0) -> ast.Module | None:
    """A Python file as a syntax tree; None if it cannot be read or is no Python."""
    file = Path(path)
    try:
        if file.suffix != ".py" or file.stat().st_size > MAX_BYTES:
            return None
        return parse(file.read_bytes())
    except OSError:
        return None


def parse(text: bytes) -> ast.Module | None:
    """A text as a syntax tree that is not kept; None if it is no Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
