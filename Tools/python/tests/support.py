"""The dumps of the page, frames made on the way, a server that says what it is told, processes."""

from __future__ import annotations

import os
import re
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thumbprint.frames import Frame, FrameDecoder, FrameType, encode_frame

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "formats" / "wire.md"


def dumps() -> dict[str, bytes]:
    """The examples of the page by the heading that they stand under."""
    found: dict[str, bytes] = {}
    heading = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif re.match(r"^[0-9a-f]{8}: ", line):
            found[heading] = found.get(heading, b"") + bytes.fromhex(line[10:].replace(" ", ""))
    return found


def decoded(data: bytes, step: int | None = None) -> list[Frame]:
    """The frames in bytes that come `step` at a time. Raises what the decoder raises."""
    decoder = FrameDecoder()
    frames = []
    offset = 0
    while offset < len(data):
        space = decoder.space()
        count = min(len(space), len(data) - offset, step or len(data))
        space[:count] = data[offset : offset + count]
        offset += count
        frame = decoder.received(count)
        if frame is not None:
            frames.append(frame)
    return frames


def feature_codes(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 512), dtype=np.uint8)


def image_codes(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed + 1).integers(0, 256, (count, 64), dtype=np.uint8)


def full_scan(
    query: NDArray[np.uint8], codes: NDArray[np.uint8], ids: NDArray[np.uint64]
) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
    """All distances in the order (distance, id): the slow twin of every search."""
    distances = np.unpackbits(codes ^ query, axis=1).sum(axis=1, dtype=np.int32)
    order = np.lexsort((ids, distances))
    return distances[order], ids[order]


# ---- A server that says what it is told


def welcome(request_count_max: int = 256, body_byte_count_max: int = 16_842_752) -> bytes:
    program = b"a test"
    return (
        struct.pack(
            "<HBBB3sQQII",
            1,
            3,
            0,
            len(program),
            bytes(3),
            1,
            2,
            request_count_max,
            body_byte_count_max,
        )
        + program
    )


def reply(frame: Frame, kind: FrameType, body: bytes = b"") -> bytes:
    return encode_frame(Frame(kind, frame.request_id, frame.trace_id, 0, body))


def error_reply(
    frame: Frame, number: int, flags: int, message: str, hint: str = "", connection: bool = False
) -> bytes:
    texts = message.encode(), hint.encode()
    body = struct.pack("<HHHH", number, flags, *map(len, texts)) + b"".join(texts)
    return encode_frame(
        Frame(FrameType.ERROR, 0 if connection else frame.request_id, frame.trace_id, 0, body)
    )


Answerer = Callable[[Frame, socket.socket], None]


class Peer:
    """A server on loopback, a thread for each connection; `answer` gets each request."""

    def __init__(self, answer: Answerer, welcome_body: bytes | None = None) -> None:
        self.answer = answer
        self.welcome_body = welcome() if welcome_body is None else welcome_body
        self.connection_count = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.sockets: list[socket.socket] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connection_count += 1
            self.sockets.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        decoder = FrameDecoder()
        try:
            while True:
                count = connection.recv_into(decoder.space())
                if count == 0:
                    break
                frame = decoder.received(count)
                if frame is None:
                    continue
                if frame.type == FrameType.HELLO:
                    connection.sendall(reply(frame, FrameType.WELCOME, self.welcome_body))
                else:
                    self.answer(frame, connection)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self) -> None:
        self.listener.close()
        for each in self.sockets:
            each.close()


@contextmanager
def peer(answer: Answerer, welcome_body: bytes | None = None) -> Iterator[Peer]:
    server = Peer(answer, welcome_body)
    try:
        yield server
    finally:
        server.close()


# ---- Real processes


def executables() -> Path | None:
    """The folder of the executables: `THUMBPRINT_BIN`, else the release build, else the PATH."""
    given = os.environ.get("THUMBPRINT_BIN")
    built = ROOT / ".build" / "release"
    if given:
        return Path(given)
    if (built / "thumbprint-coordinator").exists():
        return built
    found = shutil.which("thumbprint-coordinator")
    return Path(found).parent if found else None


class LocalCluster:
    """A coordinator and three workers, started by `Cluster/local-cluster`."""

    def __init__(self, folder: Path, binaries: Path, *arguments: str) -> None:
        self.folder = folder
        self.binaries = binaries
        self.port = free_ports(4)
        try:
            self.run("up", "--workers", "3", "--port", str(self.port), *arguments)
        except BaseException:
            self.down()
            raise

    def run(self, action: str, *arguments: str) -> None:
        done = subprocess.run(
            [ROOT / "Cluster" / "local-cluster", action, *arguments, "--dir", self.folder],
            env={**os.environ, "THUMBPRINT_BIN": str(self.binaries)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"Cluster/local-cluster {action}: {done.stdout}")

    def down(self) -> None:
        self.run("down", "--remove")


def free_ports(count: int) -> int:
    """The first of some neighbouring ports that nobody listens on now."""
    for first in range(20_000 + os.getpid() % 1000 * 10, 60_000, count):
        sockets = []
        try:
            sockets = [socket.create_server(("127.0.0.1", first + i)) for i in range(count)]
            return first
        except OSError:
            continue
        finally:
            for each in sockets:
                each.close()
    raise RuntimeError("no free ports")
