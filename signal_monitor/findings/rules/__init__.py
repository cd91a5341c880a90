"""The rules: one module for each.

Those of ``REGISTRY_RULES`` look at what is connected, those of ``RECORD_RULES`` at what the store holds.
"""

from __future__ import annotations

from collections.abc import Sequence

from signal_monitor.findings.base import RecordRule, RegistryRule, Rule

from .after_response import AfterResponse
from .alike_queries import AlikeSelects
from .async_and_sync import AsyncAndSync
from .async_under_send import AsyncUnderSend
from .before_commit import BeforeCommit
from .before_saved import BeforeSaved
from .blocks_loop import BlocksLoop
from .broken_transaction import BrokenTransaction
from .bulk import Bulk
from .chain import Chain
from .collected import Collected
from .connected_again import ConnectedAgain
from .connected_in_view import ConnectedInView
from .created import Created
from .database_cascade import DatabaseCascade
from .decorated_above import DecoratedAbove
from .disconnects_nothing import DisconnectsNothing
from .fast_deletes import FastDeletes
from .hanging import Hanging
from .held_transaction import HeldTransaction
from .hides_errors import HidesErrors
from .ignores_action import IgnoresAction
from .init_queries import InitQueries
from .local_function import LocalFunction
from .login import Login
from .loop_variable import LoopVariable
from .m2m_sender import M2mSender
from .many_to_many import ManyToManyRead
from .method_as_function import MethodAsFunction
from .missing_argument import MissingArgument
from .never_holds import NeverHolds
from .never_imported import NeverImported
from .never_sender import NeverSender
from .not_run import NotRun
from .other_database import OtherDatabase
from .other_process import OtherProcess
from .other_sender import OtherSender
from .per_row import PerRow
from .post_migrate import PostMigrate
from .programming_error import ProgrammingError
from .raises_into_caller import RaisesIntoCaller
from .raw import Raw
from .read_before_set import ReadBeforeSet
from .recursion import Recursion
from .related_gone import RelatedGone
from .responses_as_one import ResponsesAsOne
from .same_name import SameName
from .saves_deleted import SavesDeleted
from .set_after_save import SetAfterSave
from .slow_receiver import SlowReceiver
from .swallowed import Swallowed
from .through_rows import ThroughRows
from .turned_off import DisconnectedInRequest
from .uid_taken import UidTaken
from .unrelated_sender import UnrelatedSender
from .update_fields import UpdateFields
from .veto import Veto
from .wrong_arguments import WrongArguments

__all__ = ["NOTED_RULES", "RECORD_RULES", "REGISTRY_RULES", "RULES", "Hanging", "NeverImported", "NotRun"]

NOTED_RULES: Sequence[RecordRule] = (UidTaken(), DisconnectsNothing())
"""Those that are system checks too: a process knows without a store what they look at."""
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
    OtherSender(),
    UnrelatedSender(),
    OtherProcess(),
    Collected(),
    AlikeSelects(),
    InitQueries(),
    BrokenTransaction(),
    HeldTransaction(),
    BeforeCommit(),
    BeforeSaved(),
    Created(),
    Raw(),
    UpdateFields(),
    OtherDatabase(),
    Bulk(),
    FastDeletes(),
    ManyToManyRead(),
    IgnoresAction(),
    SameName(),
    ResponsesAsOne(),
    DisconnectedInRequest(),
    *NOTED_RULES,
    ConnectedInView(),
)
REGISTRY_RULES: Sequence[RegistryRule] = (
    M2mSender(),
    ThroughRows(),
    NeverSender(),
    LocalFunction(),
    ConnectedAgain(),
    HidesErrors(),
    ReadBeforeSet(),
    NeverImported(),
    MethodAsFunction(),
    DecoratedAbove(),
    LoopVariable(),
    RelatedGone(),
    Veto(),
    MissingArgument(),
    SavesDeleted(),
    SetAfterSave(),
    DatabaseCascade(),
    NeverHolds(),
)
RULES: Sequence[Rule] = sorted((*REGISTRY_RULES, *RECORD_RULES), key=lambda rule: (rule.code[0] != "W", rule.code))
"""All rules, in the order of their codes."""
