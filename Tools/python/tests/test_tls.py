"""A coordinator and workers that speak TLS, and what is refused.

Needs the executables, see `support.executables`, and openssl.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.support import (
    ROOT,
    LocalCluster,
    error_reply,
    executables,
    feature_codes,
    full_scan,
    image_codes,
)
from thumbprint import TLS, Client, errors
from thumbprint.frames import Frame, FrameType

cluster: LocalCluster
folder: Path


def setUpModule() -> None:
    global cluster, folder
    binaries = executables()
    if binaries is None:
        raise RuntimeError("the executables are not built: swift build -c release")
    temporary = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(temporary.cleanup)
    folder = Path(temporary.name)
    cluster = LocalCluster(folder / "cluster", binaries, "--tls")
    unittest.addModuleCleanup(cluster.down)


def certificates(name: str, *arguments: str) -> Path:
    """A folder with an authority of its own."""
    made = folder / name
    subprocess.run([ROOT / "Cluster" / "certificates", *arguments, made, "127.0.0.1"], check=True)
    return made


def tls(made: Path, name: str = "client") -> TLS:
    return TLS(made / f"{name}.crt", made / f"{name}.key", made / "authority.crt")


def own() -> TLS:
    return tls(folder / "cluster" / "certificates")


@contextmanager
def relay(port: int) -> Iterator[int]:
    """Another address of a server: what is said to the one goes to the other."""

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = listener.accept()
                other = socket.create_connection(("127.0.0.1", port))
                opened.extend((one, other))
                for ends in ((one, other), (other, one)):
                    threading.Thread(target=pass_on, args=ends, daemon=True).start()

    opened: list[socket.socket] = []
    with socket.create_server(("127.0.0.2", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for each in opened:
                each.close()


class TLSTests(unittest.TestCase):
    def test_load_and_search_from_many_threads(self) -> None:
        features, images = feature_codes(3_000), image_codes(3_000)
        ids = np.arange(3_000, dtype=np.uint64)
        with Client(port=cluster.port, tls=own()) as client:
            for _ in range(300):
                if sum(each.is_alive for each in client.cluster_status().workers) == 3:
                    break
                time.sleep(0.1)
            photos = client.create_collection("photos", shard_count=3)
            self.assertEqual(photos.load(features, images, ids).added, 3_000)
            answers: dict[int, tuple[list[int], list[int]]] = {}

            def ask(first: int) -> None:
                for i in range(first, first + 20):
                    distances, found = photos.search(features[i], 40)
                    answers[i] = list(distances), list(found)

            threads = [threading.Thread(target=ask, args=(20 * i,)) for i in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for i in range(160):
                expected = full_scan(features[i], features, ids)
                self.assertEqual(answers[i], (list(expected[0][:40]), list(expected[1][:40])))
            # More than one record of TLS comes with one read of the socket below.
            self.assertEqual(len(photos.fetch(ids[:1000])), 1_000)

    def test_refusals_are_one_clear_line(self) -> None:
        other = certificates("other")
        strange = TLS(
            other / "client.crt",
            other / "client.key",
            folder / "cluster" / "certificates" / "authority.crt",
        )
        with self.assertRaisesRegex(errors.RefusedError, "wants TLS"):
            Client(port=cluster.port)
        with self.assertRaisesRegex(errors.RefusedError, "certificate of .* not to be believed"):
            Client(port=cluster.port, tls=tls(other))
        with self.assertRaisesRegex(errors.RefusedError, "does not accept our certificate: .*ca"):
            Client(port=cluster.port, tls=strange)
        # It listens elsewhere, and shows the certificate of another address.
        with (
            relay(cluster.port) as port,
            self.assertRaisesRegex(errors.RefusedError, "not valid for '127.0.0.2'"),
        ):
            Client("127.0.0.2", port, tls=own())
        with socket.create_server(("127.0.0.1", 0)) as plain:

            def refuse() -> None:
                one, _ = plain.accept()
                with one, contextlib.suppress(ConnectionResetError):
                    hello = Frame(FrameType.HELLO, 0, 0, 0, b"")
                    one.recv(65_536)
                    one.sendall(error_reply(hello, 5, 0, "no TLS here", connection=True))
                    one.recv(65_536)

            thread = threading.Thread(target=refuse)
            thread.start()
            with self.assertRaisesRegex(errors.RefusedError, "does not speak TLS"):
                Client(port=plain.getsockname()[1], tls=own())
            thread.join()

    def test_files_are_named(self) -> None:
        made = folder / "cluster" / "certificates"
        with self.assertRaisesRegex(errors.InvalidError, "none.crt"):
            Client(
                port=cluster.port,
                tls=TLS("none.crt", made / "client.key", made / "authority.crt"),
            )
        with self.assertRaisesRegex(errors.InvalidError, "authority 'none.crt'"):
            Client(port=cluster.port, tls=TLS(made / "client.crt", made / "client.key", "none.crt"))
