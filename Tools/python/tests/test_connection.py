"""Connections and requests, against a server that says what it is told."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
import unittest
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.support import error_reply, feature_codes, full_scan, peer, reply, welcome
from thumbprint import NO_DISTANCE, NO_ID, Client, errors
from thumbprint.frames import Frame, FrameType
from thumbprint.records import encode_rows

INFO = {
    "name": "photos",
    "id": "0" * 31 + "1",
    "shardCount": 8,
    "replicationFactor": 2,
    "tableCount": 128,
    "created": 5,
    "recordCount": 100,
}
CODES = feature_codes(100)
IDS = np.arange(100, dtype=np.uint64) * 7


def search_reply(frame: Frame) -> bytes:
    """What a cluster with `CODES` answers to a search for the nearest."""
    query_count, k = struct.unpack_from("<16xHxxxxxxI", frame.body)
    queries = np.frombuffer(frame.body[-512 * query_count :], np.uint8).reshape(-1, 512)
    found = [full_scan(query, CODES, IDS) for query in queries]
    distances = np.concatenate([each[0][:k] for each in found]).astype("<u2")
    ids = np.concatenate([each[1][:k] for each in found])
    head = struct.pack("<HHIB7s", query_count, 0, len(ids), 0, bytes(7))
    counts = np.full(query_count, min(k, 100), "<u4").tobytes()
    return head + counts + distances.tobytes() + encode_rows(ids)


def answer(frame: Frame, connection: socket.socket) -> None:
    """As a coordinator would."""
    if frame.type == FrameType.PING:
        connection.sendall(reply(frame, FrameType.PONG, bytes(frame.body)))
    elif frame.type == FrameType.ADMIN:
        connection.sendall(reply(frame, FrameType.ADMIN_REPLY, json.dumps(INFO).encode()))
    elif frame.type == FrameType.SEARCH:
        connection.sendall(reply(frame, FrameType.SEARCH_REPLY, search_reply(frame)))
    elif frame.type == FrameType.APPEND:
        counts = bytes(16) + struct.pack("<6I", 1, 0, 0, 0, 0, 0)
        connection.sendall(reply(frame, FrameType.APPEND_REPLY, counts))


class HandshakeTests(unittest.TestCase):
    def test_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with self.assertRaisesRegex(errors.DisconnectedError, "no connection to 127.0.0.1"):
            Client(port=port)

    def test_a_server_that_says_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            start = time.monotonic()
            with self.assertRaises(errors.DeadlineError):
                Client(port=listener.getsockname()[1], timeout=0.2)
            self.assertLess(time.monotonic() - start, 5)

    def test_a_server_of_another_protocol(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def speak() -> None:
                connection, _ = listener.accept()
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n" + bytes(100))
                time.sleep(0.5)
                connection.close()

            threading.Thread(target=speak, daemon=True).start()
            with self.assertRaisesRegex(
                errors.RefusedError, r"127\.0\.0\.1:\d+ does not speak Thumbprint's protocol"
            ):
                Client(port=listener.getsockname()[1])

    def test_welcomes_that_are_refused(self) -> None:
        for body, says in (
            (b"\x02" + welcome()[1:], "version 2"),
            (welcome()[:-1], "bytes expected"),
            (welcome() + bytes(1100), "announces a body"),
        ):
            with peer(answer, body) as server, self.assertRaisesRegex(errors.ThumbprintError, says):
                Client(port=server.port)

    def test_an_error_instead_of_welcome(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def speak() -> None:
                connection, _ = listener.accept()
                hello = Frame(FrameType.HELLO, 1, 0, 0, b"")
                connection.sendall(error_reply(hello, 7, 0, "the codes are 'a'", connection=True))
                connection.close()

            threading.Thread(target=speak, daemon=True).start()
            with self.assertRaisesRegex(errors.CoderMismatchError, "the codes are 'a'"):
                Client(port=listener.getsockname()[1], coder="b")


class RequestTests(unittest.TestCase):
    def test_searches_are_like_those_of_faiss(self) -> None:
        with peer(answer) as server, Client(port=server.port) as client:
            photos = client.collection("photos")
            distances, ids = photos.search(CODES, 3)
            self.assertEqual((distances.shape, distances.dtype), ((100, 3), np.dtype(np.int32)))
            self.assertEqual((ids.shape, ids.dtype), ((100, 3), np.dtype(np.uint64)))
            for i in range(100):
                expected = full_scan(CODES[i], CODES, IDS)
                np.testing.assert_array_equal(distances[i], expected[0][:3])
                np.testing.assert_array_equal(ids[i], expected[1][:3])
            single = photos.search(CODES[0], 105)
            self.assertEqual(single[0].shape, (105,))
            self.assertTrue((single[0][100:] == NO_DISTANCE).all())
            self.assertTrue((single[1][100:] == NO_ID).all())
            self.assertEqual(photos.search(CODES[:0], 3)[0].shape, (0, 3))

    def test_arguments_that_could_never_be_right(self) -> None:
        with peer(answer) as server, Client(port=server.port) as client:
            photos = client.collection("photos")
            wrong: tuple[Callable[[], Any], ...] = (
                lambda: photos.search(CODES, 0),
                lambda: photos.search(CODES, 16_385),
                lambda: photos.search(CODES[:, :511]),
                lambda: photos.search(CODES.astype(np.int16)),
                lambda: photos.search(CODES, recall=1.0),
                lambda: photos.search(CODES, recall=0.5, exact=True),
                lambda: photos.search(CODES, images=np.zeros((3, 64), np.uint8)),
                lambda: photos.search(CODES, distance_max=4097),
                lambda: photos.search(CODES, 3.5),  # type: ignore[arg-type]
                lambda: photos.range_search(CODES, -1),
                lambda: photos.load(CODES, ids=[1] * 100),
                lambda: photos.load(CODES, ids=range(99)),
                lambda: photos.load(CODES, ids=[-1, *range(99)]),
                lambda: photos.load(CODES, names=["x" * 1025] * 100),
                lambda: photos.load(CODES, tags=[{"a": "x" * 4096}] * 100),
                lambda: photos.load(CODES, tags=[{"a": 1}] * 100),  # type: ignore[dict-item]
                lambda: photos.fetch([0.5]),
                lambda: photos.delete([2**64]),
                lambda: client.ping(timeout=0),
            )
            for number, call in enumerate(wrong):
                with self.assertRaises((ValueError, TypeError), msg=f"case {number}") as caught:
                    call()
                self.assertNotIsInstance(caught.exception, errors.ThumbprintError)
            client.ping()
        with self.assertRaisesRegex(ValueError, "closed"):
            client.ping()

    def test_answers_in_any_order(self) -> None:
        kept: list[Frame] = []

        def backwards(frame: Frame, connection: socket.socket) -> None:
            if frame.type != FrameType.SEARCH:
                answer(frame, connection)
                return
            kept.append(frame)
            if len(kept) == 3:
                for each in reversed(kept):
                    answer(each, connection)

        with peer(backwards) as server, Client(port=server.port) as client:
            queries = np.concatenate((CODES, CODES[:50]))
            distances, ids = client.collection("photos").search(queries, 1)
            np.testing.assert_array_equal(distances[:, 0], 0)
            np.testing.assert_array_equal(ids[:, 0], np.concatenate((IDS, IDS[:50])))

    def test_threads_share_a_connection(self) -> None:
        with peer(answer) as server, Client(port=server.port) as client:
            photos = client.collection("photos")
            wrong: list[object] = []

            def ask(first: int) -> None:
                try:
                    for i in range(first, 100, 6):
                        if photos.search(CODES[i], 1)[1][0] != IDS[i]:
                            wrong.append(i)
                except Exception as cause:
                    wrong.append(cause)

            threads = [threading.Thread(target=ask, args=(i,)) for i in range(6)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            self.assertEqual(wrong, [])
            self.assertEqual(server.connection_count, 1)

    def test_too_large_an_answer_is_asked_for_in_halves(self) -> None:
        sizes: list[int] = []

        def small(frame: Frame, connection: socket.socket) -> None:
            if frame.type == FrameType.SEARCH:
                (count,) = struct.unpack_from("<16xH", frame.body)
                sizes.append(count)
                if count > 20:
                    connection.sendall(error_reply(frame, 3, 0, "too much"))
                    return
            answer(frame, connection)

        with peer(small) as server, Client(port=server.port) as client:
            _, ids = client.collection("photos").search(CODES, 1)
            np.testing.assert_array_equal(ids[:, 0], IDS)
            self.assertEqual(sum(each for each in sizes if each <= 20), 100)

    def test_a_request_above_what_the_server_takes(self) -> None:
        few = welcome(body_byte_count_max=2048)
        with peer(answer, few) as server, Client(port=server.port) as client:
            photos = client.collection("photos")
            with self.assertRaisesRegex(errors.TooLargeError, "2048"):
                client.admin("x" * 3000)
            # Batches keep below it.
            stored: list[int] = []
            self.assertGreaterEqual(photos.load(CODES, progress=stored.append).added, 34)
            self.assertEqual(stored[-1], 100)
            client.ping()

    def test_no_more_requests_under_way_than_the_server_takes(self) -> None:
        with peer(answer, welcome(request_count_max=1)) as server:
            client = Client(port=server.port)
            self.assertEqual(client.collection("photos").search(CODES, 1)[1][99, 0], IDS[99])
            client.close()

    def test_both_sides_are_full(self) -> None:
        # The server reads nothing while its answers are not taken: without reading while it
        # waits to send, the client would wait for ever.
        def large(frame: Frame, connection: socket.socket) -> None:
            connection.sendall(reply(frame, FrameType.ADMIN_REPLY, b"1" + b" " * 4_000_000))

        with peer(large) as server, Client(port=server.port, timeout=20) as client:
            body = b"{" + b" " * 4_000_000 + b"}"
            requests = (client.request(FrameType.ADMIN, body) for _ in range(20))
            self.assertEqual(sum(1 for _ in client.ask_all(requests, window=20)), 20)


class FailureTests(unittest.TestCase):
    def test_the_answer_comes_too_late(self) -> None:
        seen: list[Frame] = []

        def late(frame: Frame, connection: socket.socket) -> None:
            seen.append(frame)
            if frame.type == FrameType.CANCEL:
                # The answer crosses the cancellation; it is passed over.
                connection.sendall(reply(seen[0], FrameType.PONG, bytes(seen[0].body)))
            elif len(seen) > 1:
                answer(frame, connection)

        with peer(late) as server, Client(port=server.port) as client:
            with self.assertRaises(errors.DeadlineError) as caught:
                client.ping(timeout=0.1)
            self.assertIsInstance(caught.exception, TimeoutError)
            client.ping()
            self.assertEqual(server.connection_count, 1)
            self.assertTrue(0 < seen[0].deadline <= 100)
            self.assertEqual(seen[1].type, FrameType.CANCEL)
            self.assertEqual(struct.unpack("<Q", seen[1].body)[0], seen[0].request_id)

    def test_busy_is_asked_again_and_what_is_not_there_is_not(self) -> None:
        count = 0

        def busy(frame: Frame, connection: socket.socket) -> None:
            nonlocal count
            count += 1
            if count < 3:
                connection.sendall(error_reply(frame, 8, 1, "full"))
            else:
                answer(frame, connection)

        with peer(busy) as server, Client(port=server.port) as client:
            client.ping()
            self.assertEqual(count, 3)
            count = 0
            with self.assertRaises(errors.BusyError):
                client.cluster_status()
            self.assertEqual(count, 1)

    def test_a_number_of_the_future(self) -> None:
        def future(frame: Frame, connection: socket.socket) -> None:
            connection.sendall(error_reply(frame, 999, 2, "new", "update"))

        with peer(future) as server, Client(port=server.port) as client:
            with self.assertRaises(errors.ThumbprintError) as caught:
                client.ping()
            failure = caught.exception
            self.assertEqual((failure.number, failure.code), (18, "internalError"))
            self.assertEqual((failure.message, failure.hint), ("new", "update"))
            self.assertFalse(failure.retryable)

    def test_a_lost_connection_is_made_anew(self) -> None:
        first = True

        def dies(frame: Frame, connection: socket.socket) -> None:
            nonlocal first
            if first:
                first = False
                connection.sendall(reply(frame, FrameType.PONG, b"1234567")[:-3])
                connection.shutdown(socket.SHUT_RDWR)
            else:
                answer(frame, connection)

        with peer(dies) as server, Client(port=server.port) as client:
            client.ping()
            self.assertEqual(server.connection_count, 2)
            # One that was closed while nothing was under way is not even noticed.
            server.sockets[-1].shutdown(socket.SHUT_RDWR)
            time.sleep(0.05)
            self.assertEqual(client.collection("photos").info().shard_count, 8)
            self.assertEqual(server.connection_count, 3)

    def test_a_connection_that_was_silent_for_too_long_is_made_anew(self) -> None:
        first = True

        def silent(frame: Frame, connection: socket.socket) -> None:
            nonlocal first
            if first:
                first = False
                connection.sendall(error_reply(frame, 25, 0, "silent for 600 s", connection=True))
                connection.shutdown(socket.SHUT_RDWR)
            else:
                answer(frame, connection)

        with peer(silent) as server, Client(port=server.port) as client:
            client.ping()
            self.assertEqual(server.connection_count, 2)

    def test_the_server_is_gone_for_good(self) -> None:
        with peer(answer) as server, Client(port=server.port) as client:
            client.ping()
            server.listener.shutdown(socket.SHUT_RDWR)
            server.close()
            for each in server.sockets:
                each.close()

            start = time.monotonic()
            with self.assertRaises(errors.DisconnectedError) as caught:
                client.ping(timeout=0.5)
            self.assertIsInstance(caught.exception, ConnectionError)
            self.assertLess(time.monotonic() - start, 5)

    def test_damage_ends_the_connection_with_one_clear_error(self) -> None:
        frames: dict[str, Callable[[Frame], bytes]] = {
            "checksum": lambda frame: damaged(reply(frame, FrameType.PONG, bytes(8))),
            "answered with FETCH_REPLY": lambda frame: reply(frame, FrameType.FETCH_REPLY),
            "not under way": lambda frame: reply(
                Frame(frame.type, 999, 0, 0, b""), FrameType.PONG, bytes(8)
            ),
            "another token": lambda frame: reply(frame, FrameType.PONG, bytes(8)),
            "8 bytes expected": lambda frame: reply(frame, FrameType.PONG, b"x"),
        }
        for says, make in frames.items():
            once = [make]

            def wrong(
                frame: Frame,
                connection: socket.socket,
                once: list[Callable[[Frame], bytes]] = once,
            ) -> None:
                if once:
                    connection.sendall(once.pop()(frame))
                else:
                    answer(frame, connection)

            with peer(wrong) as server, Client(port=server.port) as client:
                with self.assertRaisesRegex(errors.ProtocolError, says):
                    client.ping()
                client.ping()

    def test_an_error_about_the_connection_reaches_everybody(self) -> None:
        def ends(frame: Frame, connection: socket.socket) -> None:
            connection.sendall(error_reply(frame, 5, 0, "too many clients", connection=True))

        with peer(ends) as server:
            client = Client(port=server.port)
            with self.assertRaisesRegex(errors.RefusedError, "too many clients"):
                client.ping()
            client.close()

    def test_a_collection_made_anew_is_found_by_its_name(self) -> None:
        identity = INFO["id"]

        def anew(frame: Frame, connection: socket.socket) -> None:
            if frame.type == FrameType.ADMIN:
                info = json.dumps({**INFO, "id": identity}).encode()
                connection.sendall(reply(frame, FrameType.ADMIN_REPLY, info))
            elif frame.body[8] != int(str(identity)[-1]):
                connection.sendall(error_reply(frame, 12, 0, "no such collection"))
            else:
                answer(frame, connection)

        with peer(anew) as server, Client(port=server.port) as client:
            photos = client.collection("photos")
            photos.search(CODES[0])
            identity = "0" * 31 + "2"
            self.assertEqual(photos.search(CODES[5], 1)[1][0], IDS[5])

    def test_closing_wakes_who_waits(self) -> None:
        with peer(lambda *_: None) as server:
            client = Client(port=server.port)
            caught: list[BaseException] = []

            def ask() -> None:
                try:
                    client.ping()
                except errors.ThumbprintError as cause:
                    caught.append(cause)

            thread = threading.Thread(target=ask)
            thread.start()
            time.sleep(0.1)
            client.close()
            thread.join(5)
            self.assertFalse(thread.is_alive())
            self.assertIsInstance(caught[0], errors.DisconnectedError)


def damaged(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


if __name__ == "__main__":
    unittest.main()
