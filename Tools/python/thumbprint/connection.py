"""One connection: a handshake, then requests whose answers come in any order."""

from __future__ import annotations

import contextlib
import copy
import math
import secrets
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator

from . import messages
from .errors import ThumbprintError, error, malformed
from .frames import Frame, FrameDecoder, FrameType, encode_frame
from .limits import (
    BODY_BYTE_COUNT_MAX,
    DEADLINE_MILLISECONDS_MAX,
    HANDSHAKE_BYTE_COUNT_MAX,
    REQUEST_COUNT_MAX,
)
from .silence import Silence, byte_counts
from .tls import TLS, SecureSocket

GRACE = 0.25
"""Seconds that an answer may come after the deadline that was sent with its request."""

_POLL_SECONDS = 0.05


def seconds_left(until: float) -> float:
    """Seconds until a reading of the monotonic clock, at least 0."""
    return max(0.0, until - time.monotonic())


class Connection:
    """A connection to a coordinator, for any number of threads.

    There is no thread of its own: of the threads that wait for answers, one reads for all. A
    thread that cannot send because the other side does not read takes in answers meanwhile, so
    that two full buffers never wait for each other. Whoever waits asks a silent side whether it is
    there, and ends the connection if nothing comes.
    """

    def __init__(
        self,
        host: str,
        port: int,
        coder: str,
        program: str,
        until: float,
        tls: TLS | None = None,
    ) -> None:
        self._peer = f"{host}:{port}"
        self._turn = threading.Condition()
        self._is_reading = False
        self._failure: ThumbprintError | None = None
        self._awaited: set[int] = set()
        self._abandoned: set[int] = set()
        self._answers: dict[int, Frame] = {}
        self._sending = threading.Lock()
        self._last_id = 0
        self._request_count_max = 1
        # From the handshake on.
        self._silence: Silence | None = None
        self._decoder = FrameDecoder(HANDSHAKE_BYTE_COUNT_MAX)
        self.body_byte_count_max = HANDSHAKE_BYTE_COUNT_MAX
        try:
            plain = _socket_to(host, port, until)
        except OSError as cause:
            raise error(24, f"no connection to {self._peer}: {cause}") from cause
        self._socket: socket.socket | SecureSocket = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                plain.settimeout(max(seconds_left(until), 1e-3))
                self._socket = SecureSocket(plain, tls, host, self._peer)
            self._socket.setblocking(False)
            hello = messages.encode_hello(coder, program)
            request_id = self.send(FrameType.HELLO, hello, until)
            try:
                frame = self.receive(request_id, until)
            except ThumbprintError as cause:
                if cause.number != 1:
                    raise
                # What breaks the rules of frames at once is most likely another program.
                raise error(
                    5,
                    f"what listens at {self._peer} does not speak Thumbprint's protocol",
                    hint="is it the HTTP port?",
                ) from cause
            if frame.type != FrameType.WELCOME:
                raise malformed(f"{self._peer} answered hello with {frame.type.name}")
            self.welcome = messages.decode_welcome(frame.body)
        except BaseException:
            self._socket.close()
            raise
        self._silence = Silence(time.monotonic())
        self._decoder.body_byte_count_max = BODY_BYTE_COUNT_MAX
        self._request_count_max = min(self.welcome.request_count_max, REQUEST_COUNT_MAX)
        self.body_byte_count_max = min(self.welcome.body_byte_count_max, BODY_BYTE_COUNT_MAX)

    # ---- Requests

    def send(self, kind: FrameType, body: bytes, until: float) -> int:
        """Sends a request, which is to be answered by a time; returns its id.

        Waits while as many requests are under way as the other side takes. Raises `TooLargeError`
        before anything is sent if the body is too large; `DeadlineError`; `DisconnectedError`.
        """
        if len(body) > self.body_byte_count_max:
            raise error(
                3, f"a request of {len(body)} bytes; {self._peer} takes {self.body_byte_count_max}"
            )
        self._pump(self._has_room, until)
        trace_id = secrets.randbits(64)
        with self._turn_to_send(seconds_left(until)) as is_mine:
            if not is_mine:
                raise error(9, f"{self._peer} did not take an earlier request in time")
            with self._turn:
                if self._silence is not None and not self._awaited:
                    self._silence.heard(time.monotonic())
                self._last_id += 1
                request_id = self._last_id
                self._awaited.add(request_id)
            frame = Frame(kind, request_id, trace_id, _milliseconds_left(until), body)
            try:
                self._write(encode_frame(frame), until)
            except BaseException as cause:
                # What was sent of the frame cannot be taken back.
                self._fail(cause)
                raise
        return request_id

    @contextlib.contextmanager
    def _turn_to_send(self, seconds: float) -> Iterator[bool]:
        """Whether this thread may send; if another one does for too long, it may not."""
        is_mine = self._sending.acquire(timeout=seconds)
        try:
            yield is_mine
        finally:
            if is_mine:
                self._sending.release()

    def _has_room(self) -> bool:
        return len(self._awaited) - len(self._answers) < self._request_count_max

    def receive(self, request_id: int, until: float) -> Frame:
        """The answer to a request. Raises what it says if it is an error.

        When it is not there by the deadline and a little more, the request is cancelled.
        """
        try:
            self._pump(lambda: request_id in self._answers, until + GRACE)
        except BaseException:
            self.abandon(request_id)
            raise
        with self._turn:
            frame = self._answers.pop(request_id)
            self._awaited.discard(request_id)
            self._turn.notify_all()
        if frame.type == FrameType.ERROR:
            raise messages.decode_error(frame)
        return frame

    def abandon(self, request_id: int) -> None:
        """Cancels a request; its answer will be passed over."""
        with self._turn:
            if request_id not in self._awaited:
                return
            if self._answers.pop(request_id, None) is not None or self._failure is not None:
                self._awaited.discard(request_id)
                self._turn.notify_all()
                return
            self._abandoned.add(request_id)
        # Best effort: where not even this can be sent at once, the deadline ends the request.
        until = time.monotonic() + GRACE
        with self._turn_to_send(GRACE) as is_mine:
            if not is_mine:
                return
            with self._turn:
                self._last_id += 1
                cancel = Frame(
                    FrameType.CANCEL, self._last_id, 0, 0, messages.encode_token(request_id)
                )
            try:
                self._write(encode_frame(cancel), until)
            except ThumbprintError as cause:
                self._fail(cause)

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent, as far as can be seen from here."""
        with self._turn:
            if self._failure is not None:
                return False
            if self._is_reading or len(self._awaited) > len(self._abandoned):
                return True
        # Nobody waits for an answer, so that anything to be read is an end, an error, or too late.
        try:
            if self._ready(read=True, write=False, seconds=0)[0]:
                self._read_if_free()
            else:
                self._listen()
        except ThumbprintError as cause:
            self._fail(cause)
        return self._failure is None

    def close(self) -> None:
        """Ends the connection; whoever waits gets `DisconnectedError`."""
        self._fail(error(24, f"the connection to {self._peer} was closed by this program"))
        with self._sending, self._turn:
            while self._is_reading:
                self._turn.wait()
            self._socket.close()

    # ---- Reading

    def _pump(self, is_done: Callable[[], bool], until: float) -> None:
        """Reads, or lets another thread read, until something holds."""
        while True:
            with self._turn:
                while True:
                    if is_done():
                        return
                    if self._failure is not None:
                        raise copy.copy(self._failure)
                    if seconds_left(until) == 0:
                        raise error(9, f"no answer from {self._peer} in time")
                    if not self._is_reading:
                        break
                    self._turn.wait(seconds_left(until))
                self._is_reading = True
            self._read(until)

    def _read_if_free(self) -> bool:
        """Reads what is there, unless another thread reads."""
        with self._turn:
            if self._is_reading or self._failure is not None:
                return False
            self._is_reading = True
        self._read(None)
        return True

    def _read(self, until: float | None) -> None:
        """Reads one frame, and gives back the turn to read.

        Returns without one when the time has come, or, without a time, when no more is there.
        """
        try:
            while True:
                if until is not None:
                    seconds = min(seconds_left(until), self._pause())
                    if not self._ready(read=True, write=False, seconds=seconds)[0]:
                        self._listen()
                        if seconds_left(until) == 0:
                            return
                        continue
                try:
                    byte_count = self._socket.recv_into(self._decoder.space())
                except BlockingIOError:
                    if until is None:
                        return
                    continue
                if byte_count == 0:
                    raise self._ended()
                with self._turn:
                    if self._silence is not None:
                        self._silence.heard(time.monotonic())
                frame = self._decoder.received(byte_count)
                if frame is not None:
                    self._take(frame)
                    return
        except (ThumbprintError, OSError) as cause:
            self._fail(cause)
        finally:
            with self._turn:
                self._is_reading = False
                self._turn.notify_all()

    def _ended(self) -> ThumbprintError:
        where = "" if self._decoder.is_between_frames else " in the middle of a frame"
        return error(24, f"{self._peer} ended the connection{where}")

    def _take(self, frame: Frame) -> None:
        if frame.request_id == 0 and frame.type == FrameType.ERROR:
            failure = messages.decode_error(frame)
            if failure.code == "tooSlow":
                # It was silent for too long: nothing is wrong with what crossed this on its way.
                raise error(24, f"{self._peer} ended the connection: {failure.message}")
            raise failure
        with self._turn:
            if frame.request_id in self._abandoned:
                self._abandoned.discard(frame.request_id)
                self._awaited.discard(frame.request_id)
            elif frame.request_id in self._awaited and frame.request_id not in self._answers:
                self._answers[frame.request_id] = frame
            else:
                raise malformed(
                    f"{self._peer} sent {frame.type.name} for request {frame.request_id}, "
                    "which is not under way"
                )

    # ---- Silence

    def _pause(self) -> float:
        """Seconds to wait for bytes before listening."""
        with self._turn:
            return math.inf if self._silence is None else self._silence.pause(time.monotonic())

    def _listen(self) -> None:
        """When nothing is there to be read: asks whether the other side is there, if it should have
        said something; raises `DisconnectedError` if it does not say so."""
        now = time.monotonic()
        with self._turn:
            silence = self._silence
            if silence is None or not self._awaited:
                return
            is_doubtful = silence.is_doubtful(now)
        if is_doubtful and self._ask_for_a_sign(silence):
            return
        if is_doubtful or silence.is_asked:
            counts = byte_counts(self._socket)
            with self._turn:
                silence.look(now, counts[0] if counts is not None else None)
                if silence.is_gone(now):
                    raise error(24, f"{self._peer} is silent")

    def _ask_for_a_sign(self, silence: Silence) -> bool:
        """Whether that could be done without waiting for what others send."""
        with self._turn_to_send(0) as is_mine:
            if not is_mine or not self._ready(read=False, write=True, seconds=0)[1]:
                return False
            with self._turn:
                self._last_id += 1
                ping = Frame(FrameType.PING, self._last_id, 0, 0, messages.encode_token(0))
                self._awaited.add(ping.request_id)
                self._abandoned.add(ping.request_id)
            self._write(encode_frame(ping), time.monotonic() + GRACE)
            counts = byte_counts(self._socket)
            with self._turn:
                now = time.monotonic()
                silence.asked(now, sum(counts) if counts is not None else 0)
                silence.look(now, counts[0] if counts is not None else None)
        return True

    # ---- Writing

    def _write(self, data: bytes, until: float) -> None:
        view = memoryview(data)
        while len(view) > 0:
            if self._failure is not None:
                raise copy.copy(self._failure)
            try:
                view = view[self._socket.send(view) :]
                continue
            except BlockingIOError:
                pass
            except OSError as cause:
                # The other side may have said why it left.
                self._read_if_free()
                if self._failure is not None:
                    raise copy.copy(self._failure) from None
                raise error(24, f"the connection to {self._peer} ended: {cause}") from cause
            if seconds_left(until) == 0:
                raise error(9, f"{self._peer} did not take the request in time")
            seconds = min(seconds_left(until), _POLL_SECONDS)
            readable, _ = self._ready(read=not self._is_reading, write=True, seconds=seconds)
            if readable:
                self._read_if_free()

    def _ready(self, *, read: bool, write: bool, seconds: float) -> tuple[bool, bool]:
        """Whether the socket can be read and written, after waiting for either."""
        if read and isinstance(self._socket, SecureSocket) and self._socket.has_bytes():
            return True, False
        if not hasattr(select, "poll"):
            readers, writers, _ = select.select(
                [self._socket] if read else [], [self._socket] if write else [], [], seconds
            )
            return bool(readers), bool(writers)
        poll = select.poll()
        poll.register(
            self._socket, (select.POLLIN if read else 0) | (select.POLLOUT if write else 0)
        )
        events = 0
        for _, found in poll.poll(math.ceil(seconds * 1000)):
            events |= found
        ended = events & (select.POLLHUP | select.POLLERR)
        return bool(events & select.POLLIN or ended), bool(events & select.POLLOUT or ended)

    def _fail(self, cause: BaseException) -> None:
        with self._turn:
            if self._failure is None:
                if isinstance(cause, ThumbprintError) and cause.number != 9:
                    self._failure = copy.copy(cause)
                else:
                    self._failure = error(24, f"the connection to {self._peer} ended: {cause!r}")
            self._turn.notify_all()
        # The socket is closed by `close`, when nobody uses it any more.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def _socket_to(host: str, port: int, until: float) -> socket.socket:
    """Connects to the first address of a host that answers, all of them by one time."""
    failure = OSError(f"no address for {host}")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        try:
            found = socket.socket(family, kind, protocol)
        except OSError as cause:
            failure = cause
            continue
        try:
            found.settimeout(max(seconds_left(until), 1e-3))
            found.connect(address)
            return found
        except OSError as cause:
            found.close()
            failure = cause
    raise failure


def _milliseconds_left(until: float) -> int:
    return min(max(math.ceil(seconds_left(until) * 1000), 1), DEADLINE_MILLISECONDS_MAX)
