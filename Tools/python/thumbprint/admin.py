"""What administration tells: the JSON of `docs/formats/wire.md` as values with types."""

from __future__ import annotations

import dataclasses
import functools
import re
import typing
from dataclasses import dataclass
from typing import Any, Optional, TypeVar, Union

from .errors import malformed

T = TypeVar("T")


@dataclass(frozen=True)
class CollectionInfo:
    """A collection. `created` is in seconds since 1970."""

    name: str
    id: str
    shard_count: int
    replication_factor: int
    table_count: int
    created: float
    record_count: int
    coder: Optional[str] = None


@dataclass(frozen=True)
class Position:
    """A place in the log of a shard."""

    term: int
    sequence: int


@dataclass(frozen=True)
class ShardStats:
    """What a shard holds, on the worker that writes it."""

    number: int
    worker: str
    position: Position
    record_count: int
    dead_row_count: int
    segment_count: int
    recent_row_count: int
    file_byte_count: int
    free_byte_count: int
    index_byte_count: int
    log_start: int
    digest: str


@dataclass(frozen=True)
class CollectionStats:
    """A collection and its shards."""

    collection: CollectionInfo
    shards: tuple[ShardStats, ...]


@dataclass(frozen=True)
class WorkerStatus:
    """A worker, as the coordinator sees it."""

    name: str
    address: str
    state: str
    is_alive: bool
    capacity_byte_count: int
    used_byte_count: int
    replica_count: int
    primary_count: int
    silent_milliseconds: Optional[int] = None


@dataclass(frozen=True)
class ReplicaStatus:
    """A replica of a shard."""

    worker: str
    is_in_sync: bool
    is_alive: bool
    position: Optional[Position] = None
    record_count: Optional[int] = None
    digest: Optional[str] = None


@dataclass(frozen=True)
class ShardStatus:
    """A shard and where its replicas are."""

    collection: str
    number: int
    term: int
    replicas: tuple[ReplicaStatus, ...]
    primary: Optional[str] = None


@dataclass(frozen=True)
class MoveStatus:
    """A replica on its way to another worker."""

    id: int
    collection: str
    number: int
    target: str
    reason: str
    phase: str
    source: Optional[str] = None
    total_byte_count: Optional[int] = None
    done_byte_count: Optional[int] = None


@dataclass(frozen=True)
class MoveProof:
    """What a move left on its target: the same as the primary had at that place of the log."""

    position: Position
    record_count: int
    digest: str


@dataclass(frozen=True)
class EndedMove:
    """A move that has ended lately: done, with a proof, or `aborted` for a reason."""

    id: int
    collection: str
    number: int
    target: str
    reason: str
    seconds_ago: int
    source: Optional[str] = None
    aborted: Optional[str] = None
    proof: Optional[MoveProof] = None


@dataclass(frozen=True)
class ClusterStatus:
    """The whole of a cluster."""

    cluster: str
    map_version: int
    collections: tuple[CollectionInfo, ...]
    workers: tuple[WorkerStatus, ...]
    shards: tuple[ShardStatus, ...]
    moves: tuple[MoveStatus, ...]
    ended_moves: tuple[EndedMove, ...]


@dataclass(frozen=True)
class PlanStep:
    """One replica to be moved."""

    collection: str
    number: int
    target: str
    byte_count: int
    why: str
    source: Optional[str] = None


@dataclass(frozen=True)
class Plan:
    """What a rebalance or a drain does, or would do."""

    steps: tuple[PlanStep, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Undrained:
    """What became of a drain that was taken back."""

    aborted_move_count: int
    replica_count: int


def from_json(kind: type[T], value: Any, where: str = "admin reply") -> T:
    """A value of a type from JSON. Raises `ProtocolError` when it is of another form."""
    return typing.cast(T, _from_json(kind, value, where))


@functools.cache
def _fields(kind: type[Any]) -> tuple[tuple[str, str, Any], ...]:
    hints = typing.get_type_hints(kind)
    return tuple(
        (field.name, re.sub(r"_(\w)", lambda m: m[1].upper(), field.name), hints[field.name])
        for field in dataclasses.fields(kind)
    )


def _from_json(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if origin is Union:
        inner = next(each for each in typing.get_args(kind) if each is not type(None))
        return None if value is None else _from_json(inner, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise malformed(f"{where}: {type(value).__name__} where an array is meant")
        inner = typing.get_args(kind)[0]
        return tuple(_from_json(inner, each, f"{where}[{i}]") for i, each in enumerate(value))
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise malformed(f"{where}: {type(value).__name__} where an object is meant")
        return kind(
            **{
                name: _from_json(hint, value.get(key), f"{where}.{key}")
                for name, key, hint in _fields(kind)
            }
        )
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise malformed(f"{where}: {type(value).__name__} where {kind.__name__} is meant")
    return value
