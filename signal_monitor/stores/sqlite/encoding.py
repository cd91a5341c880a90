"""Records as compact JSON: lists of values in the order of the fields, without names."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeVar

from signal_monitor.database_records import (
    AlikeQueries,
    BulkOperation,
    DatabaseWork,
    LongStatement,
    LongTransaction,
    ModelArguments,
    RowSignals,
    TableWork,
    TransactionUse,
)
from signal_monitor.records import (
    Dispatch,
    Failure,
    Frame,
    OrphanSends,
    Process,
    ReceiverCall,
    ReceiverSum,
    Request,
    RunningCall,
)
from signal_monitor.registry.records import (
    ConnectCall,
    Connection,
    DeadReceiver,
    FailedDisconnect,
    RegisteredSignal,
    Registry,
    TakenUid,
    TurnedOff,
)
from signal_monitor.stores.sqlite.validation import checker_of
from signal_monitor.text import encodable
from signal_monitor.tracing import Exporter, Tracing

R = TypeVar("R")
Decoder = Callable[[Any], Any]

DATABASE_TYPES = (
    ModelArguments,
    BulkOperation,
    RowSignals,
    AlikeQueries,
    TableWork,
    TransactionUse,
    DatabaseWork,
    LongStatement,
    LongTransaction,
)
RECORD_TYPES: tuple[type, ...] = (
    *(
        Frame,
        Failure,
        ReceiverCall,
        Dispatch,
        ReceiverSum,
        Request,
        RunningCall,
        Exporter,
        Tracing,
        Process,
        OrphanSends,
    ),
    *DATABASE_TYPES,
    *(ConnectCall, Connection, RegisteredSignal, TakenUid, FailedDisconnect, DeadReceiver, TurnedOff, Registry),
)


Fact = BulkOperation | RowSignals | OrphanSends


class DamagedError(Exception):
    """A stored text is not a record of this version, or the tables are not."""


def field_names(record_type: type) -> list[str]:
    """The names of a record's fields, in the order in which they are stored."""
    return [item.name for item in fields(record_type)]


_values: Mapping[type, Callable[[Any], tuple[object, ...]]] = {
    record_type: attrgetter(*field_names(record_type)) for record_type in RECORD_TYPES
}
# ASCII only: the message of an error may have lone surrogates, which UTF-8 cannot encode.
_encoder = json.JSONEncoder(
    default=lambda record: _values[type(record)](record), separators=(",", ":"), check_circular=False
)


def encode(record: Dispatch | Request | Process | Fact) -> str:
    """The record as text."""
    return _encoder.encode(record)


def _record(record_type: type[R], **parts: Decoder) -> Callable[[list[Any]], R]:
    """A decoder for a record; ``parts`` are the decoders of fields that JSON does not restore by itself."""
    names = field_names(record_type)
    places = [(names.index(name), decoder) for name, decoder in parts.items()]
    are_valid = checker_of(record_type, names)

    def decode_record(values: list[Any]) -> R:
        for place, decoder in places:
            values[place] = decoder(values[place])
        if not are_valid(values):
            raise DamagedError("a value of another type")
        return record_type(*values)

    return decode_record


def _optional(decoder: Decoder) -> Decoder:
    return lambda value: None if value is None else decoder(value)


def _several(decoder: Decoder) -> Decoder:
    return lambda values: tuple(map(decoder, values))


def _text(value: object) -> str:
    if type(value) is not str:
        raise DamagedError("a value of another type")
    return value


_frame = _record(Frame)
_frames = _several(_frame)
_failure = _optional(_record(Failure, traceback=_frames))
_databases = _several(
    _record(
        DatabaseWork,
        alike=_several(_record(AlikeQueries)),
        tables=_several(_record(TableWork)),
        transaction=_optional(_record(TransactionUse)),
    )
)
_call = _record(ReceiverCall, failure=_failure, slow_line=_optional(_frame), slow_stack=_frames, databases=_databases)
_request = _record(
    Request,
    receivers=_several(_record(ReceiverSum)),
    failure=_failure,
    databases=_databases,
    transactions=_several(_record(LongTransaction, tables=_several(_text))),
    statements=_several(_record(LongStatement)),
)
_decoders: Mapping[type, Decoder] = {
    Dispatch: _record(
        Dispatch,
        calls=_several(_call),
        call_site=_optional(_frame),
        stack=_frames,
        skipped=_several(_text),
        failure=_failure,
        arguments=_optional(_record(ModelArguments, update_fields=_optional(_several(_text)))),
    ),
    Request: _request,
    BulkOperation: _record(BulkOperation, signals=_several(_text), around=_several(_text)),
    RowSignals: _record(RowSignals),
    OrphanSends: _record(OrphanSends, sites=_frames),
    Process: _record(
        Process,
        running=_several(_record(RunningCall, stack=_frames)),
        running_requests=_several(_request),
        tracing=_record(Tracing, exporters=_several(_record(Exporter))),
    ),
}

_connect_call = _record(ConnectCall)
_registry = _record(
    Registry,
    signals=_several(
        _record(RegisteredSignal, connections=_several(_record(Connection, connected=_optional(_connect_call))))
    ),
    taken_uids=_several(_record(TakenUid, call=_connect_call)),
    failed_disconnects=_several(_record(FailedDisconnect, call=_connect_call, connected=_optional(_connect_call))),
    died=_several(_record(DeadReceiver, call=_connect_call)),
    turned_off=_several(_record(TurnedOff, call=_connect_call, connected=_connect_call)),
    findings=_several(_text),
)


def encode_registry(registry: Registry) -> bytes:
    """The registry as compressed text; it has many similar names."""
    return zlib.compress(_encoder.encode(registry).encode())


def decode_registry(payload: bytes) -> Registry:
    """The registry of what ``encode_registry`` returned; raises DamagedError for anything else."""
    try:
        return _registry(json.loads(zlib.decompress(payload)))
    except (ValueError, TypeError, LookupError, RecursionError, zlib.error, DamagedError) as error:
        raise DamagedError("not a Registry") from error


def decode(record_type: type[R], text: str) -> R:
    """The record of a text that ``encode`` returned; raises DamagedError for any other text."""
    try:
        record: R = _decoders[record_type](json.loads(text))
    except (ValueError, TypeError, LookupError, RecursionError, DamagedError) as error:
        raise DamagedError(f"not a {record_type.__name__}: {text!r:.80}") from error
    return record


def encode_buckets(buckets: Mapping[int, int]) -> str | None:
    """A histogram as "bucket,count,bucket,count"; two such texts with a comma between them are their sum."""
    return ",".join(f"{bucket},{count}" for bucket, count in buckets.items()) or None


def decode_buckets(text: str | None) -> dict[int, int]:
    """The sum of the histograms in a text; raises DamagedError for any other text."""
    buckets: dict[int, int] = {}
    try:
        numbers = json.loads(f"[{text or ''}]")
        for bucket, count in zip(map(int, numbers[::2]), map(int, numbers[1::2]), strict=True):
            buckets[bucket] = buckets.get(bucket, 0) + count
    except (ValueError, TypeError, RecursionError) as error:
        raise DamagedError(f"not a histogram: {text!r:.80}") from error
    return buckets


def column(text: str) -> str:
    """The text for a database column: characters that UTF-8 cannot encode are escaped."""
    return encodable(text)
