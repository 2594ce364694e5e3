"""Sides that are slow, and sides that are gone: on a clock of the tests, and with sockets."""

from __future__ import annotations

import socket
import threading
import time
import unittest
from unittest import mock

from tests.support import error_reply, feature_codes, peer
from tests.test_connection import answer
from thumbprint import Client, errors, silence
from thumbprint.frames import Frame, FrameType
from thumbprint.silence import SILENCE, Silence, byte_counts


class SilenceTests(unittest.TestCase):
    def test_who_answers_questions_is_there(self) -> None:
        quiet = Silence(0)
        for start in range(0, 100, 3):
            self.assertFalse(quiet.is_doubtful(start + SILENCE - 0.1))
            self.assertTrue(quiet.is_doubtful(start + SILENCE))
            quiet.asked(start + SILENCE, end=1000)
            self.assertFalse(quiet.is_doubtful(start + 2.9))
            self.assertFalse(quiet.is_gone(start + 2.9))
            quiet.heard(start + 3)

    def test_who_takes_everything_and_says_nothing_is_gone(self) -> None:
        quiet = Silence(0)
        quiet.asked(2, end=1000)
        quiet.look(2.1, 1000)
        for moment in range(21, 41):
            self.assertFalse(quiet.is_gone(moment / 10))
            # What was sent after the question is taken too.
            quiet.look(moment / 10, 1000 + moment)
        self.assertTrue(quiet.is_gone(4.2))

    def test_a_question_takes_as_long_as_what_stands_before_it(self) -> None:
        quiet = Silence(0)
        quiet.asked(2, end=100_000)
        for moment in range(3, 103):
            quiet.look(moment, 1000 * (moment - 2))
            self.assertFalse(quiet.is_gone(moment + 0.9))
        # Others on the way may have taken it, and are as slow.
        self.assertFalse(quiet.is_gone(131))
        self.assertTrue(quiet.is_gone(132))

    def test_who_takes_nothing_is_gone(self) -> None:
        quiet = Silence(0)
        quiet.look(2, 0)
        self.assertFalse(quiet.is_gone(3.9))
        self.assertTrue(quiet.is_gone(4))
        # Where the system does not say what was taken, there is more patience.
        quiet = Silence(0)
        quiet.asked(2, end=0)
        quiet.look(2, None)
        self.assertFalse(quiet.is_gone(31.9))
        self.assertTrue(quiet.is_gone(32))

    @unittest.skipIf(byte_counts.__doc__ is None or "unknown" in byte_counts.__doc__, "not Linux")
    def test_the_system_knows_what_was_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            near = socket.create_connection(listener.getsockname())
            far, _ = listener.accept()
            with near, far:
                before = byte_counts(near)
                assert before is not None
                near.sendall(bytes(100_000))
                left = 100_000
                while left > 0:
                    left -= len(far.recv(left))
                # Acknowledged when it was read, at the latest.
                for _ in range(6000):
                    counts = byte_counts(near)
                    if counts == (before[0] + 100_000, 0):
                        break
                    time.sleep(0.01)
                self.assertEqual(counts, (before[0] + 100_000, 0))


class ConnectionTests(unittest.TestCase):
    def test_a_connection_lost_in_silence_is_made_anew(self) -> None:
        # The story: whatever was asked timed out, for ever.
        first: list[socket.socket] = []

        def lost(frame: Frame, connection: socket.socket) -> None:
            if not first:
                first.append(connection)
            if connection is not first[0]:
                answer(frame, connection)

        with (
            mock.patch.object(silence, "SILENCE", 0.5),
            peer(lost) as server,
            Client(port=server.port) as client,
        ):
            client.ping()
            self.assertGreaterEqual(server.connection_count, 2)

    def test_short_requests_find_out_together(self) -> None:
        first: list[socket.socket] = []

        def lost(frame: Frame, connection: socket.socket) -> None:
            if not first:
                first.append(connection)
            if connection is not first[0]:
                answer(frame, connection)

        with (
            mock.patch.object(silence, "SILENCE", 0.5),
            peer(lost) as server,
            Client(port=server.port) as client,
        ):
            for _ in range(600):
                try:
                    client.ping(timeout=0.1)
                    break
                except (errors.DeadlineError, errors.DisconnectedError):
                    pass
            self.assertGreaterEqual(server.connection_count, 2)

    def test_who_works_for_long_is_asked_and_waited_for(self) -> None:
        pings: dict[socket.socket, int] = {}
        asked: dict[socket.socket, Frame] = {}

        def works(frame: Frame, connection: socket.socket) -> None:
            if frame.type == FrameType.ADMIN:
                asked[connection] = frame
            elif frame.type == FrameType.PING:
                pings[connection] = pings.get(connection, 0) + 1
                answer(frame, connection)
                if pings[connection] == 3:
                    answer(asked[connection], connection)

        with (
            mock.patch.object(silence, "SILENCE", 0.5),
            peer(works) as server,
            Client(port=server.port, timeout=60) as client,
        ):
            self.assertEqual(client.collection("photos").info().shard_count, 8)
            self.assertIn(3, pings.values())


class BoundTests(unittest.TestCase):
    """One thread that is stuck holds up no other one for longer than that one's own time."""

    def test_while_another_thread_connects(self) -> None:
        refused = threading.Event()

        def leaves(frame: Frame, connection: socket.socket) -> None:
            connection.shutdown(socket.SHUT_RDWR)
            refused.set()

        with peer(leaves) as server:
            client = Client(port=server.port)
            # From now on it accepts, and says nothing.
            server.serve = lambda connection: None  # type: ignore[method-assign]
            caught: list[BaseException] = []

            def connect() -> None:
                try:
                    client.ping(timeout=60)
                except errors.ThumbprintError as cause:
                    caught.append(cause)

            thread = threading.Thread(target=connect)
            thread.start()
            self.assertTrue(refused.wait(60))
            for _ in range(6000):
                if server.connection_count > 1:
                    break
                time.sleep(0.01)
            with self.assertRaises(errors.DeadlineError):
                client.ping(timeout=0.1)
            self.assertTrue(thread.is_alive())
            client.close()
            self.assertTrue(thread.is_alive())
            for each in server.sockets[1:]:
                each.close()
            thread.join(60)
            self.assertIsInstance(caught[0], errors.DisconnectedError)
            with self.assertRaisesRegex(ValueError, "closed"):
                client.ping()

    def test_while_another_thread_sends(self) -> None:
        reading = threading.Event()

        def full(frame: Frame, connection: socket.socket) -> None:
            reading.set()
            # Reads nothing more until the test is over.
            over.wait(60)

        over = threading.Event()
        with peer(full) as server:
            client = Client(port=server.port)
            caught: list[BaseException] = []

            def send() -> None:
                bodies = (bytes(1), bytes(15_000_000))
                requests = [client.request(FrameType.ADMIN, each, timeout=60) for each in bodies]
                try:
                    list(client.ask_all(requests))
                except errors.ThumbprintError as cause:
                    caught.append(cause)

            thread = threading.Thread(target=send)
            thread.start()
            self.assertTrue(reading.wait(60))
            connection = client._connection
            assert connection is not None
            for _ in range(6000):
                if connection._sending.locked():
                    break
                time.sleep(0.01)
            with self.assertRaises(errors.DeadlineError):
                client.ping(timeout=0.1)
            self.assertTrue(thread.is_alive())
            client.close()
            thread.join(60)
            self.assertFalse(thread.is_alive())
            self.assertIsInstance(caught[0], errors.DisconnectedError)
            over.set()

    def test_the_time_of_a_search_is_that_of_all_it_asks(self) -> None:
        seen: list[Frame] = []

        def silent(frame: Frame, connection: socket.socket) -> None:
            seen.append(frame)
            if frame.type == FrameType.SEARCH:
                connection.sendall(error_reply(frame, 12, 0, "no such collection"))
            elif sum(each.type == FrameType.ADMIN for each in seen) == 1:
                answer(frame, connection)

        codes = feature_codes(1)
        with peer(silent) as server, Client(port=server.port, timeout=60) as client:
            photos = client.collection("photos")
            photos.info()
            with self.assertRaises(errors.DeadlineError):
                photos.search(codes, timeout=0.2)
            with self.assertRaises(errors.DeadlineError):
                client.collection("others").fetch([1], timeout=0.2)
            for frame in seen[1:]:
                self.assertLessEqual(frame.deadline, 200)


if __name__ == "__main__":
    unittest.main()
