"""The rules: one module for each; those of ``RECORD_RULES`` read the store."""

from __future__ import annotations

from collections.abc import Sequence

from signal_monitor.findings.base import RecordRule, Rule

from .after_response import AfterResponse
from .async_and_sync import AsyncAndSync
from .async_under_send import AsyncUnderSend
from .blocks_loop import BlocksLoop
from .chain import Chain
from .hanging import Hanging
from .login import Login
from .not_run import NotRun
from .per_row import PerRow
from .post_migrate import PostMigrate
from .programming_error import ProgrammingError
from .raises_into_caller import RaisesIntoCaller
from .recursion import Recursion
from .slow_receiver import SlowReceiver
from .swallowed import Swallowed
from .wrong_arguments import WrongArguments

__all__ = ["RECORD_RULES", "RULES", "Hanging", "NotRun"]

RECORD_RULES: Sequence[RecordRule] = (
    SlowReceiver(),
    Chain(),
    RaisesIntoCaller(),
    Swallowed(),
    NotRun(),
    Recursion(),
    BlocksLoop(),
    AsyncAndSync(),
    AfterResponse(),
    PostMigrate(),
    PerRow(),
    Login(),
    Hanging(),
    WrongArguments(),
    ProgrammingError(),
    AsyncUnderSend(),
)
RULES: Sequence[Rule] = (*RECORD_RULES,)
"""All rules, in the order of their codes."""
