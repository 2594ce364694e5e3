"""A cluster, as programs see it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from . import messages
from .admin import ClusterStatus, CollectionInfo, Plan, Undrained, from_json
from .collection import Collection
from .connection import Connection, seconds_left
from .errors import ThumbprintError, error, malformed
from .frames import Frame, FrameType
from .tls import TLS
from .version import PROGRAM

Self = TypeVar("Self", bound="Client")

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_WINDOW = 8


@dataclass(frozen=True)
class Request:
    """A request to be sent, and what may be done with it."""

    kind: FrameType
    body: bytes
    timeout: float
    is_repeatable: bool = True
    """Doing it twice is the same as doing it once."""
    note: Any = None
    """Of the asker, given back with the reply."""


@dataclass(frozen=True)
class _Started:
    connection: Connection
    request_id: int


class Client:
    """A connection to the coordinator of a cluster.

        with Client("127.0.0.1") as client:
            distances, ids = client.collection("photos").search(codes, k=10)

    `coder` is the identity of the networks that made the codes of this program; the cluster
    refuses it where the codes are those of another. `timeout` is the most seconds that a request
    takes, with everything that is tried for it; methods take another for one call. A cluster that
    speaks TLS wants `tls`, and shows a certificate for the `host` by which it is called.

    Any number of threads may use one client, and share its connection. It must not be used on
    both sides of a fork. Requests that may be repeated (everything but administration) are sent
    again while there is time, on a new connection if need be, when the error says that this may
    help. Raises `ThumbprintError` (see `errors`) for what goes wrong outside of the caller, here
    and everywhere; `ValueError` or `TypeError` for arguments that could never be right.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 7700,
        *,
        coder: str | None = None,
        timeout: float = 30.0,
        tls: TLS | None = None,
    ) -> None:
        self._timeout = checked_timeout(timeout)
        self._tls = tls
        self._address = (host, port)
        self._coder = coder or ""
        self._turn = threading.Condition()
        self._is_closed = False
        self._is_connecting = False
        self._connection: Connection | None = None
        self._connected(time.monotonic() + self._timeout)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; whoever waits gets `DisconnectedError`, or, while a connection is
        being made, as soon as it is. The client cannot be used any more."""
        with self._turn:
            self._is_closed = True
            connection, self._connection = self._connection, None
            self._turn.notify_all()
        if connection is not None:
            connection.close()

    # ---- Collections

    def collection(self, name: str) -> Collection:
        """A collection by name. Nothing is asked yet: whether there is one shows at first use."""
        return Collection(self, name)

    def collections(self, *, timeout: float | None = None) -> tuple[CollectionInfo, ...]:
        """All collections, as the coordinator lists them."""
        return from_json(tuple[CollectionInfo, ...], self.admin("listCollections", timeout=timeout))

    def create_collection(
        self,
        name: str,
        *,
        shard_count: int | None = None,
        replication_factor: int | None = None,
        table_count: int | None = None,
        coder: str | None = None,
        timeout: float | None = None,
    ) -> Collection:
        """Makes an empty collection.

        `shard_count` (8 by default) cannot be changed later; `replication_factor` (2, or 1 where
        there is one worker) can. `table_count` is 128 (the default), 64 or 0: the hash tables of
        each segment, which take about as many bytes as the codes, half of that, or none. With
        `coder`, only codes of that one are let in. Raises `ExistsError`.
        """
        wishes = {
            "shardCount": shard_count,
            "replicationFactor": replication_factor,
            "tableCount": table_count,
            "coder": coder,
        }
        arguments: dict[str, Any] = {"collection": name}
        arguments.update((key, wish) for key, wish in wishes.items() if wish is not None)
        info = from_json(CollectionInfo, self.admin("createCollection", arguments, timeout=timeout))
        return Collection(self, name, info)

    def drop_collection(self, name: str, *, timeout: float | None = None) -> None:
        """Deletes a collection with all its records, for good. Raises `NotFoundError`."""
        self.admin("dropCollection", {"collection": name}, timeout=timeout)

    # ---- The cluster

    def cluster_status(self, *, timeout: float | None = None) -> ClusterStatus:
        """Workers, shards with their replicas, and moves."""
        return from_json(ClusterStatus, self.admin("clusterStatus", timeout=timeout))

    def rebalance(
        self,
        *,
        dry_run: bool = False,
        byte_rate: int | None = None,
        timeout: float | None = None,
    ) -> Plan:
        """Spreads the replicas evenly over the workers; with `dry_run` only says how.

        `byte_rate` bounds the bytes a second of copies from now on, as `set_bandwidth` does.
        """
        arguments: dict[str, Any] = {"isDryRun": dry_run}
        if byte_rate is not None:
            arguments["byteRate"] = byte_rate
        return from_json(Plan, self.admin("rebalance", arguments, timeout=timeout))

    def drain(self, worker: str, *, dry_run: bool = False, timeout: float | None = None) -> Plan:
        """Moves all replicas away from a worker; with `dry_run` only says how."""
        arguments = {"worker": worker, "isDryRun": dry_run}
        return from_json(Plan, self.admin("drain", arguments, timeout=timeout))

    def undrain(self, worker: str, *, timeout: float | None = None) -> Undrained:
        """Takes a drain back: the worker keeps what it has, and takes replicas again."""
        return from_json(Undrained, self.admin("undrain", {"worker": worker}, timeout=timeout))

    def remove_worker(self, worker: str, *, timeout: float | None = None) -> None:
        """Forgets a worker that holds nothing any more."""
        self.admin("removeWorker", {"worker": worker}, timeout=timeout)

    def abort_move(self, move: int, *, timeout: float | None = None) -> None:
        """Ends a move; the shard stays where it is."""
        self.admin("abortMove", {"move": move}, timeout=timeout)

    def set_bandwidth(self, byte_rate: int, *, timeout: float | None = None) -> None:
        """Bounds the bytes a second of copies between workers; 0 for no bound."""
        self.admin("setBandwidth", {"byteRate": byte_rate}, timeout=timeout)

    def set_replicas(
        self, collection: str, replication_factor: int, *, timeout: float | None = None
    ) -> None:
        """Changes how many replicas each shard of a collection has."""
        arguments = {"collection": collection, "replicationFactor": replication_factor}
        self.admin("setReplicas", arguments, timeout=timeout)

    def ping(self, *, timeout: float | None = None) -> float:
        """Asks for a sign of life. Returns the seconds until it came."""
        start = time.monotonic()
        token = time.monotonic_ns()
        body = messages.encode_token(token)
        if messages.decode_token(self.ask(FrameType.PING, body, timeout=timeout).body) != token:
            raise malformed("pong has another token than ping")
        return time.monotonic() - start

    def admin(
        self,
        operation: str,
        arguments: dict[str, Any] | None = None,
        *,
        is_repeatable: bool = False,
        timeout: float | None = None,
    ) -> Any:
        """Any operation of the page, by name; returns its JSON."""
        body = messages.encode_admin(operation, arguments or {})
        frame = self.ask(FrameType.ADMIN, body, is_repeatable=is_repeatable, timeout=timeout)
        return messages.decode_admin_reply(frame.body)

    # ---- Requests: for this package

    @property
    def coder(self) -> str:
        """The coder whose codes this program sends; empty if it did not say."""
        return self._coder

    def body_byte_count_max(self, timeout: float | None = None) -> int:
        """The most bytes of a request that the coordinator takes."""
        seconds = self._timeout if timeout is None else checked_timeout(timeout)
        return self._connected(time.monotonic() + seconds).body_byte_count_max

    def request(
        self, kind: FrameType, body: bytes, *, timeout: float | None = None, note: Any = None
    ) -> Request:
        """A request that may be repeated."""
        seconds = self._timeout if timeout is None else checked_timeout(timeout)
        return Request(kind, body, seconds, note=note)

    def ask(
        self,
        kind: FrameType,
        body: bytes,
        *,
        is_repeatable: bool = True,
        timeout: float | None = None,
    ) -> Frame:
        """Sends a request and waits for its answer."""
        seconds = self._timeout if timeout is None else checked_timeout(timeout)
        request = Request(kind, body, seconds, is_repeatable)
        until = time.monotonic() + seconds
        return self._finish(request, self._start(request, until), until)

    def ask_all(
        self, requests: Iterable[Request], window: int = _WINDOW
    ) -> Iterator[tuple[Request, Frame]]:
        """Sends requests, some ahead of the answers, and gives the answers in their order.

        Each may be repeated, also after others that come behind it were carried out.
        """
        pending: deque[tuple[Request, _Started | ThumbprintError, float]] = deque()
        try:
            for request in requests:
                until = time.monotonic() + request.timeout
                pending.append((request, self._start(request, until), until))
                if len(pending) >= window:
                    yield self._oldest(pending)
            while pending:
                yield self._oldest(pending)
        finally:
            for _, started, _ in pending:
                if isinstance(started, _Started):
                    started.connection.abandon(started.request_id)

    def _oldest(
        self, pending: deque[tuple[Request, _Started | ThumbprintError, float]]
    ) -> tuple[Request, Frame]:
        request, started, until = pending.popleft()
        return request, self._finish(request, started, until)

    def _start(self, request: Request, until: float) -> _Started | ThumbprintError:
        """Sends a request; an error is a result, so that it is met where the answer is."""
        try:
            connection = self._connected(until)
            return _Started(connection, connection.send(request.kind, request.body, until))
        except ThumbprintError as failure:
            return failure

    def _finish(self, request: Request, started: _Started | ThumbprintError, until: float) -> Frame:
        """Waits for an answer; asks again while that may help and there is time."""
        pause = _FIRST_PAUSE
        while True:
            try:
                if isinstance(started, ThumbprintError):
                    raise started
                frame = started.connection.receive(started.request_id, until)
                if frame.type != request.kind + 1:
                    raise malformed(f"{request.kind.name} was answered with {frame.type.name}")
                return frame
            except ThumbprintError as failure:
                can_repeat = failure.retryable and request.is_repeatable
                if not can_repeat or self._is_closed or seconds_left(until) <= pause:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            started = self._start(request, until)

    def _connected(self, until: float) -> Connection:
        """The connection, which is made anew when it has ended: by one thread for all."""
        with self._turn:
            if self._is_closed:
                raise ValueError("the client is closed")
            while self._is_connecting:
                if not self._turn.wait(seconds_left(until)) and self._is_connecting:
                    raise error(9, f"no connection to {self._where} in time")
            if self._is_closed:
                raise self._closed()
            ended = self._connection
            if ended is not None and ended.is_open:
                return ended
            self._connection = None
            self._is_connecting = True
        made: Connection | None = None
        try:
            if ended is not None:
                ended.close()
            made = Connection(*self._address, self._coder, PROGRAM, until, self._tls)
        finally:
            with self._turn:
                self._is_connecting = False
                if not self._is_closed:
                    self._connection = made
                self._turn.notify_all()
        if self._is_closed:
            made.close()
            raise self._closed()
        return made

    @property
    def _where(self) -> str:
        return f"{self._address[0]}:{self._address[1]}"

    def _closed(self) -> ThumbprintError:
        return error(24, f"the connection to {self._where} was closed by this program")


def checked_timeout(timeout: float) -> float:
    """Raises `ValueError` for what is no number of seconds above 0."""
    if not 0 < timeout <= 86_400:
        raise ValueError(f"timeout: {timeout} is not above 0 and up to 86400 seconds")
    return timeout
