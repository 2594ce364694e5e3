"""Whether the other side of a connection is still there."""

from __future__ import annotations

import socket
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .tls import SecureSocket

SILENCE = 2.0
"""Seconds that a side that owes an answer may be silent before it is asked whether it is there, and
that it then has to say so."""


class Silence:
    """What is known of the other side by its silence. Moments are given, in seconds.

    A message of many megabytes takes minutes on a slow link, and a question behind it as long. So
    every byte that comes is a sign, and as long as the other side takes bytes that stand before the
    question it cannot have heard that. Bytes after the question are no sign: the system of a
    process that stands still takes them too.
    """

    def __init__(self, now: float) -> None:
        self._since = now
        self._taken = 0
        self._is_taken_known = True
        self._asked: float | None = None
        self._end = 0

    def heard(self, now: float) -> None:
        """Bytes have come; or the other side owes something, and owed nothing before."""
        self._since = now
        self._asked = None

    def asked(self, now: float, end: int) -> None:
        """A question was sent, which is there when the other side has taken `end` bytes."""
        self._since = self._asked = now
        self._end = end

    def look(self, now: float, taken: int | None) -> None:
        """Takes note of how many bytes the other side has taken: of a question that is under way,
        or of what keeps one from being sent. `None` where nobody knows."""
        self._is_taken_known = taken is not None
        if taken is None or taken <= self._taken:
            return
        if self._asked is None or self._taken < self._end:
            self._since = now
        self._taken = taken

    @property
    def is_asked(self) -> bool:
        """There is a question that nothing came after."""
        return self._asked is not None

    def is_doubtful(self, now: float) -> bool:
        """The other side should be asked."""
        return self._asked is None and now - self._since >= SILENCE

    def is_gone(self, now: float) -> bool:
        """The other side was silent for too long."""
        patience = SILENCE
        if self._asked is None:
            # It could not even be asked.
            patience = 2 * SILENCE
        else:
            # Whoever was slow to take what stood before the question may be as slow to answer.
            patience = max(patience, min(self._since - self._asked, 15 * SILENCE))
        if not self._is_taken_known:
            patience = 15 * SILENCE
        return now - self._since >= patience

    def pause(self, now: float) -> float:
        """Seconds after which to look again."""
        return max(self._since + SILENCE - now, SILENCE / 8)


if sys.platform == "linux":
    import fcntl
    import termios

    def byte_counts(connection: socket.socket | SecureSocket) -> tuple[int, int] | None:
        """Bytes that the other side has taken, and bytes that are on their way to it."""
        # `tcpi_bytes_acked` of `struct tcp_info`, since Linux 4.1.
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
        if len(info) < 128:
            return None
        (taken,) = struct.unpack_from("=Q", info, 120)
        (waiting,) = struct.unpack(
            "=i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
        )
        return taken, waiting

else:

    def byte_counts(connection: socket.socket | SecureSocket) -> tuple[int, int] | None:
        """Bytes that the other side has taken, and bytes that are on their way to it: unknown."""
        return None
