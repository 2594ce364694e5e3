"""Frames: a header of 56 bytes with two checksums, and a body. No sockets here."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

import xxhash

from .errors import error, malformed
from .limits import BODY_BYTE_COUNT_MAX

MAGIC = b"TP\r\n"
VERSION = 1
HEADER = struct.Struct("<4sHHIIQQIIQQ")
_CHECKSUM = struct.Struct("<Q")
_CHECKED_BYTE_COUNT = HEADER.size - _CHECKSUM.size


class FrameType(enum.IntEnum):
    """What a body is. Those between workers are known, so that they are named when they come."""

    HELLO = 1
    WELCOME = 2
    PING = 3
    PONG = 4
    CANCEL = 5
    ERROR = 6
    SEARCH = 16
    SEARCH_REPLY = 17
    FETCH = 18
    FETCH_REPLY = 19
    SCAN = 20
    SCAN_REPLY = 21
    APPEND = 22
    APPEND_REPLY = 23
    LOG_PULL = 32
    LOG_REPLY = 33
    COPY_OPEN = 34
    COPY_OPEN_REPLY = 35
    COPY_READ = 36
    COPY_READ_REPLY = 37
    COPY_CLOSE = 38
    COPY_CLOSE_REPLY = 39
    ADMIN = 64
    ADMIN_REPLY = 65
    CONTROL = 66
    CONTROL_REPLY = 67


@dataclass(frozen=True)
class Frame:
    """One message as it travels."""

    type: FrameType
    request_id: int
    trace_id: int
    deadline: int
    """Milliseconds left; 0 for none."""
    body: bytes | bytearray


def encode_frame(frame: Frame) -> bytes:
    """The bytes of a frame."""
    head = HEADER.pack(
        MAGIC,
        VERSION,
        frame.type,
        0,
        len(frame.body),
        frame.request_id,
        frame.trace_id,
        frame.deadline,
        0,
        xxhash.xxh3_64_intdigest(frame.body),
        0,
    )[:_CHECKED_BYTE_COUNT]
    return b"".join((head, _CHECKSUM.pack(xxhash.xxh3_64_intdigest(head)), frame.body))


class FrameDecoder:
    """Turns bytes, however they are cut, into frames.

    Bytes are received into `space`, which ends where a header or a body ends, so that nothing is
    read too far and nothing is copied. `received` raises `ProtocolError` or `TooLargeError` for
    what the page refuses; no more may be asked of the decoder after that.
    """

    def __init__(self, body_byte_count_max: int = BODY_BYTE_COUNT_MAX) -> None:
        self.body_byte_count_max = body_byte_count_max
        self._header = bytearray(HEADER.size)
        self._start()

    def _start(self) -> None:
        self._fields: tuple[FrameType, int, int, int, int] | None = None
        self._buffer = self._header
        self._filled = 0

    @property
    def is_between_frames(self) -> bool:
        """Nothing of the next frame has come yet."""
        return self._fields is None and self._filled == 0

    def space(self) -> memoryview:
        """Where the next bytes go; never empty."""
        return memoryview(self._buffer)[self._filled :]

    def received(self, byte_count: int) -> Frame | None:
        """Takes note that `space` got this many bytes; returns the frame that they complete."""
        self._filled += byte_count
        if self._filled < len(self._buffer):
            return None
        if self._fields is None:
            self._fields = self._checked_header()
            body_byte_count = self._fields[4]
            if body_byte_count > 0:
                self._buffer = bytearray(body_byte_count)
                self._filled = 0
                return None
            body = bytearray()
        else:
            body = self._buffer
        kind, request_id, trace_id, deadline, _ = self._fields
        checksum = HEADER.unpack(self._header)[9]
        found = xxhash.xxh3_64_intdigest(body)
        if found != checksum:
            raise malformed(
                f"the body of a {kind.name} frame has the checksum {found:016x}, "
                f"its header says {checksum:016x}"
            )
        self._start()
        return Frame(kind, request_id, trace_id, deadline, body)

    def _checked_header(self) -> tuple[FrameType, int, int, int, int]:
        (
            magic,
            version,
            number,
            flags,
            body_byte_count,
            request_id,
            trace_id,
            deadline,
            reserved,
            _,
            checksum,
        ) = HEADER.unpack(self._header)
        if magic != MAGIC:
            raise malformed(f"a frame begins with {magic.hex()}, not {MAGIC.hex()}: not Thumbprint")
        found = xxhash.xxh3_64_intdigest(memoryview(self._header)[:_CHECKED_BYTE_COUNT])
        if found != checksum:
            raise malformed(f"a header has the checksum {found:016x}, and says {checksum:016x}")
        if version != VERSION:
            raise error(2, f"a frame has version {version}; this client speaks {VERSION}")
        if flags != 0 or reserved != 0:
            raise malformed(f"reserved bytes of a header are {flags:#x} and {reserved:#x}, not 0")
        try:
            kind = FrameType(number)
        except ValueError:
            raise error(4, f"a frame has type {number}, which this client does not know") from None
        if body_byte_count > self.body_byte_count_max:
            raise error(
                3,
                f"a {kind.name} frame announces a body of {body_byte_count} bytes; "
                f"the most is {self.body_byte_count_max}",
            )
        return kind, request_id, trace_id, deadline, body_byte_count
