"""The bodies of frames: `docs/formats/wire.md`, message by message. No sockets here."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cursor import Cursor
from .errors import ThumbprintError, error, malformed
from .frames import VERSION, Frame
from .limits import (
    CODER_BYTE_COUNT_MAX,
    ERROR_TEXT_BYTE_COUNT_MAX,
    ID_COUNT_MAX,
    MATCH_COUNT_MAX,
    PROGRAM_BYTE_COUNT_MAX,
    QUERY_COUNT_MAX,
    ROW_COUNT_MAX,
    SHARD_COUNT_MAX,
    WORKER_BYTE_COUNT_MAX,
)
from .records import Parts, Records, decode_rows

# ---- Handshake

_HELLO = struct.Struct("<HHBBBBQQ")
_WELCOME = struct.Struct("<HBBB3sQQII")
_TOKEN = struct.Struct("<Q")
_ROLE_CLIENT = 1


def encode_hello(coder: str, program: str) -> bytes:
    """The first frame of a client that any cluster will do for."""
    coder_bytes = text_within(coder, CODER_BYTE_COUNT_MAX, "coder")
    program_bytes = text_within(program, PROGRAM_BYTE_COUNT_MAX, "program")
    head = _HELLO.pack(
        VERSION, VERSION, _ROLE_CLIENT, 0, len(coder_bytes), len(program_bytes), 0, 0
    )
    return head + coder_bytes + program_bytes


def text_within(text: str, byte_count_max: int, what: str) -> bytes:
    """Text as UTF-8. Raises `ValueError` when it has more bytes than it may."""
    data = text.encode()
    if len(data) > byte_count_max:
        raise ValueError(f"{what}: {len(data)} bytes, the most is {byte_count_max}")
    return data


@dataclass(frozen=True)
class Welcome:
    """What the called side says of itself."""

    version: int
    role: int
    name: str
    program: str
    cluster: str
    """32 hexadecimal digits; all zero while there is none."""
    request_count_max: int
    body_byte_count_max: int


def decode_welcome(body: bytes | bytearray) -> Welcome:
    """Reads a welcome. Raises `ProtocolError` for a version that was not offered."""
    cursor = Cursor(body, "welcome")
    version, role, name_count, program_count, reserved, first, second, requests, byte_count = (
        cursor.fields(_WELCOME)
    )
    if version != VERSION:
        raise error(2, f"welcome names version {version}; this client speaks {VERSION}")
    cursor.require(1 <= role <= 3, f"role {role} is not from 1 to 3")
    cursor.require(not any(reserved), "reserved bytes are not zero")
    cursor.require(name_count <= WORKER_BYTE_COUNT_MAX, f"a name of {name_count} bytes")
    cursor.require(program_count <= PROGRAM_BYTE_COUNT_MAX, f"a program of {program_count} bytes")
    cursor.require(requests > 0 and byte_count > 0, "no request, or no byte, is taken")
    name, program = cursor.text(name_count), cursor.text(program_count)
    cursor.end()
    cluster = f"{first:016x}{second:016x}"
    return Welcome(version, role, name, program, cluster, requests, byte_count)


def encode_token(token: int) -> bytes:
    """The body of `ping` and of `cancel`."""
    return _TOKEN.pack(token)


def decode_token(body: bytes | bytearray) -> int:
    """The body of `pong`."""
    cursor = Cursor(body, "pong")
    (token,) = cursor.fields(_TOKEN)
    cursor.end()
    return int(token)


# ---- Errors

_ERROR = struct.Struct("<HHHH")
_ERROR_RETRYABLE, _ERROR_HAS_HINT = 1, 2


def decode_error(frame: Frame) -> ThumbprintError:
    """The exception that an error frame stands for."""
    cursor = Cursor(frame.body, "error")
    number, flags, message_count, hint_count = cursor.fields(_ERROR)
    cursor.require(flags <= 3, f"flags are {flags}")
    cursor.require(number > 0, "the number is 0")
    cursor.require(
        max(message_count, hint_count) <= ERROR_TEXT_BYTE_COUNT_MAX,
        f"a text is above {ERROR_TEXT_BYTE_COUNT_MAX} bytes",
    )
    has_hint = bool(flags & _ERROR_HAS_HINT)
    cursor.require(has_hint or hint_count == 0, "a hint that the flags do not announce")
    message, hint = cursor.text(message_count), cursor.text(hint_count)
    cursor.end()
    return error(
        number,
        message,
        hint=hint if has_hint else None,
        retryable=bool(flags & _ERROR_RETRYABLE),
        trace_id=frame.trace_id,
    )


# ---- Searches

_SEARCH = struct.Struct("<16sHHBBBBIIddB7s")
_SEARCH_REPLY = struct.Struct("<HHIB7s")
_STATUS = np.dtype(
    [
        ("shard", "<u2"),
        ("error", "<u2"),
        ("waited", "<u4"),
        ("searched", "<u4"),
        ("reserved", "<u4"),
        ("term", "<u8"),
        ("sequence", "<u8"),
    ]
)
_CERTIFICATE = struct.Struct("<dQQQQQQQQQdIIII")

WANTS_CERTIFICATES = 8
WANTS_PARTIAL = 16
EXTENT_NEAREST, EXTENT_RADIUS = 0, 1
METRIC_FEATURE, METRIC_COMBINED = 0, 1
PROMISE_CERTIFIED, PROMISE_EXACT, PROMISE_RECALL = 0, 1, 2


@dataclass(frozen=True)
class Certificate:
    """What was proved of an answer, and what it took."""

    miss_probability: float
    """The chance that a true answer is missing."""
    radius: int
    """Every code nearer than this is in the answer."""
    row_count: int
    """Rows that the answer speaks for."""
    codes_compared: int
    sketches_read: int
    buckets_probed: int
    postings_read: int
    excluded_by_tables: int
    excluded_by_sketches: int
    excluded_by_clusters: int
    predicted_nanoseconds: float
    segments_by_tables: int
    segments_by_sketches: int
    segments_by_clusters: int
    segments_by_scan: int


@dataclass(frozen=True)
class SearchTerms:
    """What is asked of a search, for all its queries."""

    extent: int
    count_or_radius: int
    metric: int
    promise: int
    recall: float
    distance_max: int
    wants: int
    miss_probability: float


def encode_search(
    collection: bytes, terms: SearchTerms, coder: bytes, query_count: int, queries: bytes
) -> bytes:
    """Queries to all shards of a collection."""
    head = _SEARCH.pack(
        collection,
        query_count,
        0,
        terms.extent,
        terms.metric,
        terms.promise,
        terms.wants,
        terms.count_or_radius,
        terms.distance_max,
        terms.recall,
        terms.miss_probability,
        len(coder),
        bytes(7),
    )
    return b"".join((head, coder, queries))


@dataclass(frozen=True)
class SearchReply:
    """The answers to the queries of one frame, one after another."""

    offsets: NDArray[np.int64]
    """Where the matches of each answer begin; one more than there are answers."""
    distances: NDArray[np.uint16]
    rows: Records
    certificates: list[Certificate] | None
    missing: dict[int, int]
    """Shards that were not searched, and the error numbers that say why."""


def decode_search_reply(
    body: bytes | bytearray, query_count: int, terms: SearchTerms
) -> SearchReply:
    """Reads the answers, which must be to that many queries."""
    cursor = Cursor(body, "search reply")
    answer_count, shard_count, match_count, flags, reserved = cursor.fields(_SEARCH_REPLY)
    cursor.require(
        answer_count == query_count and answer_count <= QUERY_COUNT_MAX,
        f"{answer_count} answers to {query_count} queries",
    )
    cursor.require(shard_count <= SHARD_COUNT_MAX, f"{shard_count} shards")
    cursor.require(match_count <= MATCH_COUNT_MAX, f"{match_count} matches")
    cursor.require(flags <= 1 and not any(reserved), "reserved bits are not zero")
    has_certificates = bool(terms.wants & WANTS_CERTIFICATES)
    cursor.require(flags == has_certificates, "certificates are not as they were asked for")
    statuses = cursor.array(_STATUS, shard_count)
    cursor.require(not statuses["reserved"].any(), "reserved bytes of a status are not zero")
    shards = statuses["shard"].astype(np.int32)
    cursor.require(bool((np.diff(shards) > 0).all()), "shards do not ascend")
    counts = cursor.array("<u4", answer_count)
    offsets = np.zeros(answer_count + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    cursor.require(int(offsets[-1]) == match_count, "match counts do not add up")
    certificates = None
    if has_certificates:
        certificates = [Certificate(*cursor.fields(_CERTIFICATE)) for _ in range(answer_count)]
    distances = cursor.array("<u2", match_count).astype(np.uint16, copy=False)
    cursor.require(
        match_count == 0 or int(distances.max()) <= terms.distance_max,
        f"a distance is above {terms.distance_max}",
    )
    rows = decode_rows(cursor, MATCH_COUNT_MAX)
    cursor.require(len(rows) == match_count, f"{len(rows)} rows for {match_count} matches")
    cursor.end()
    failed = statuses["error"] != 0
    missing = dict(zip(shards[failed].tolist(), statuses["error"][failed].tolist()))
    return SearchReply(offsets, distances, rows, certificates, missing)


# ---- Records

_FETCH = struct.Struct("<16sIB3s")
_SCAN = struct.Struct("<16sHBBIQ")
_SCAN_REPLY = struct.Struct("<B7s")
_APPEND = struct.Struct("<16sHBBI")
_APPEND_REPLY = struct.Struct("<QQIIIIII")
_UPSERT, _DELETE = 1, 2


def encode_fetch(collection: bytes, ids: NDArray[np.uint64], parts: Parts) -> bytes:
    """Asks for records by id."""
    head = _FETCH.pack(collection, len(ids), parts, bytes(3))
    return head + ids.astype("<u8", copy=False).tobytes()


def decode_fetch_reply(body: bytes | bytearray) -> Records:
    """The records that there are."""
    cursor = Cursor(body, "fetch reply")
    rows = decode_rows(cursor, ID_COUNT_MAX)
    cursor.end()
    return rows


def encode_scan(
    collection: bytes, shard: int, parts: Parts, row_count_max: int, after: int | None
) -> bytes:
    """Asks for the records of a shard, in the order of their ids."""
    return _SCAN.pack(collection, shard, parts, after is not None, row_count_max, after or 0)


def decode_scan_reply(body: bytes | bytearray) -> tuple[Records, bool]:
    """Records, and whether the shard has no more."""
    cursor = Cursor(body, "scan reply")
    is_last, reserved = cursor.fields(_SCAN_REPLY)
    cursor.require(is_last <= 1 and not any(reserved), "reserved bits are not zero")
    rows = decode_rows(cursor, ROW_COUNT_MAX)
    cursor.end()
    cursor.require(bool((rows.ids[1:] > rows.ids[:-1]).all()), "ids do not ascend")
    cursor.require(is_last == 1 or len(rows) > 0, "no rows, and not the last")
    return rows, is_last == 1


def encode_upsert(collection: bytes, shard: int, coder: bytes, rows: bytes) -> bytes:
    """Asks for records to be stored; all ids of one shard."""
    return b"".join((_APPEND.pack(collection, shard, _UPSERT, len(coder), 0), coder, rows))


def encode_delete(collection: bytes, shard: int, ids: NDArray[np.uint64]) -> bytes:
    """Asks for records to be deleted; all ids of one shard."""
    head = _APPEND.pack(collection, shard, _DELETE, 0, len(ids))
    return head + ids.astype("<u8", copy=False).tobytes()


@dataclass(frozen=True)
class AppendReply:
    """What a write did."""

    added: int
    replaced: int
    unchanged: int
    deleted: int
    absent: int


def decode_append_reply(body: bytes | bytearray) -> AppendReply:
    """The counts of a write."""
    cursor = Cursor(body, "append reply")
    _, _, added, replaced, unchanged, deleted, absent, reserved = cursor.fields(_APPEND_REPLY)
    cursor.end()
    cursor.require(reserved == 0, "reserved bytes are not zero")
    return AppendReply(added, replaced, unchanged, deleted, absent)


# ---- Administration


def encode_admin(operation: str, arguments: dict[str, Any]) -> bytes:
    """Asks for an operation by name."""
    return json.dumps({"arguments": arguments, "operation": operation}).encode()


def decode_admin_reply(body: bytes | bytearray) -> Any:
    """The JSON of a result."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as cause:
        raise malformed(f"admin reply: not JSON: {cause}") from None
