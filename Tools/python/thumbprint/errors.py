"""What can go wrong: one family of exceptions, with the numbers of `docs/formats/wire.md`."""

from __future__ import annotations

from typing import Any, NamedTuple


class ThumbprintError(Exception):
    """A request that was not carried out, or whose outcome is not known.

    Every exception that this package raises is of this family, except `ValueError` and
    `TypeError` for arguments that could never be right.
    """

    number: int
    """Its number on the wire."""
    code: str
    """The name of that number, for instance `notFound`."""
    message: str
    hint: str | None
    """What to do about it, if the other side knows."""
    retryable: bool
    """The same request may succeed later or elsewhere."""
    trace_id: int
    """Of the request, as in the logs of the processes; 0 if there was none."""

    def __init__(
        self,
        message: str,
        *,
        number: int = 18,
        hint: str | None = None,
        retryable: bool | None = None,
        trace_id: int = 0,
    ) -> None:
        super().__init__(message)
        kind = KINDS.get(number, KINDS[18])
        self.number = number if number in KINDS else 18
        self.code = kind.code
        self.message = message
        self.hint = hint
        self.retryable = kind.retryable if retryable is None else retryable
        self.trace_id = trace_id

    def __str__(self) -> str:
        text = f"{self.code}: {self.message}"
        return f"{text} (hint: {self.hint})" if self.hint else text

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.message,), self.__dict__)


class ProtocolError(ThumbprintError):
    """One side sent what the other cannot read: damaged, against the rules, or too new."""


class TooLargeError(ThumbprintError):
    """The request, or its answer, is more than one message may be: ask for less at once."""


class RefusedError(ThumbprintError):
    """The other side does not talk to such as this, or belongs to another cluster."""


class CoderMismatchError(ThumbprintError):
    """The codes were made by another coder than those of the collection."""


class BusyError(ThumbprintError):
    """Too much is under way already."""


class DeadlineError(ThumbprintError, TimeoutError):
    """The answer was not there in time. A write may have been done; it can be sent again."""


class CancelledError(ThumbprintError):
    """The request was taken back; a write that had begun was carried out."""


class NotFoundError(ThumbprintError):
    """There is no such collection, worker or move."""


class ExistsError(ThumbprintError):
    """There is one of this name already."""


class InvalidError(ThumbprintError):
    """A value is out of its bounds, which the message names."""


class StorageError(ThumbprintError):
    """A worker cannot read or write: damaged bytes, a full disk, or an error of its system."""


class UnavailableError(ThumbprintError):
    """Nobody who could answer is there at present."""


class ConflictError(ThumbprintError):
    """Another change of the cluster stands in the way: wait for it, or abort it."""


class DisconnectedError(ThumbprintError, ConnectionError):
    """There is no connection, or it ended before the answer. A write may have been done."""


class Kind(NamedTuple):
    """What an error number stands for."""

    code: str
    retryable: bool
    exception: type[ThumbprintError]


KINDS = {
    1: Kind("malformed", False, ProtocolError),
    2: Kind("unsupportedVersion", False, ProtocolError),
    3: Kind("tooLarge", False, TooLargeError),
    4: Kind("unknownMessage", False, ProtocolError),
    5: Kind("refused", False, RefusedError),
    6: Kind("wrongCluster", False, RefusedError),
    7: Kind("coderMismatch", False, CoderMismatchError),
    8: Kind("busy", True, BusyError),
    9: Kind("deadlineExceeded", True, DeadlineError),
    10: Kind("cancelled", False, CancelledError),
    11: Kind("shuttingDown", True, UnavailableError),
    12: Kind("notFound", False, NotFoundError),
    13: Kind("exists", False, ExistsError),
    14: Kind("invalid", False, InvalidError),
    15: Kind("corrupt", False, StorageError),
    16: Kind("diskFull", False, StorageError),
    17: Kind("io", False, StorageError),
    18: Kind("internalError", False, ThumbprintError),
    19: Kind("unavailable", True, UnavailableError),
    20: Kind("notPrimary", True, UnavailableError),
    21: Kind("staleTerm", True, UnavailableError),
    22: Kind("notHere", True, UnavailableError),
    23: Kind("conflict", False, ConflictError),
    24: Kind("disconnected", True, DisconnectedError),
    25: Kind("tooSlow", False, DeadlineError),
    26: Kind("locked", False, StorageError),
}
"""The table of errors of the protocol. A number that is not in it is taken for 18."""


def error(
    number: int,
    message: str,
    *,
    hint: str | None = None,
    retryable: bool | None = None,
    trace_id: int = 0,
) -> ThumbprintError:
    """The exception for an error number."""
    kind = KINDS.get(number, KINDS[18])
    return kind.exception(message, number=number, hint=hint, retryable=retryable, trace_id=trace_id)


def malformed(message: str) -> ThumbprintError:
    """The exception for bytes that break the rules of the protocol."""
    return error(1, message)
