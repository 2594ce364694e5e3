"""Frames: the examples of the page, and every way of damaging one."""

from __future__ import annotations

import random
import struct
import unittest

import xxhash

from tests.support import decoded, dumps
from thumbprint.errors import ProtocolError, ThumbprintError, TooLargeError
from thumbprint.frames import HEADER, Frame, FrameDecoder, FrameType, encode_frame


def header(**changes: int | bytes) -> bytes:
    """A header of a ping with something else in it, and a checksum that is right."""
    fields: dict[str, int | bytes] = {
        "magic": b"TP\r\n",
        "version": 1,
        "type": 3,
        "flags": 0,
        "count": 8,
        "id": 1,
        "trace": 2,
        "deadline": 3,
        "reserved": 0,
        "body": xxhash.xxh3_64_intdigest(bytes(8)),
    }
    assert changes.keys() <= fields.keys()
    head = HEADER.pack(*{**fields, **changes}.values(), 0)[:48]
    return head + struct.pack("<Q", xxhash.xxh3_64_intdigest(head)) + bytes(8)


class FrameTests(unittest.TestCase):
    def test_every_example_is_read_and_written_with_the_same_bytes(self) -> None:
        examples = dumps()
        self.assertGreaterEqual(len(examples), 14)
        for name, data in examples.items():
            with self.subTest(name):
                (frame,) = decoded(data)
                self.assertEqual(encode_frame(frame), data)

    def test_frames_come_however_they_are_cut(self) -> None:
        data = b"".join(dumps().values())
        whole = decoded(data)
        self.assertEqual(len(whole), len(dumps()))
        for step in (1, 7, 56, 57):
            self.assertEqual(decoded(data, step), whole)

    def test_a_frame_without_a_body(self) -> None:
        frame = Frame(FrameType.COPY_CLOSE_REPLY, 1, 2, 0, b"")
        self.assertEqual(decoded(encode_frame(frame) * 2), [frame, frame])

    def test_every_cut_waits_and_every_flipped_bit_is_refused(self) -> None:
        data = dumps()["ping"]
        for count in range(len(data)):
            self.assertEqual(decoded(data[:count]), [])
        for bit in range(8 * len(data)):
            damaged = bytearray(data)
            damaged[bit // 8] ^= 1 << bit % 8
            with self.assertRaises(ProtocolError, msg=f"bit {bit}"):
                decoded(bytes(damaged))

    def test_a_header_that_is_not_damaged_and_yet_wrong_is_refused(self) -> None:
        self.assertEqual(len(decoded(header())), 1)
        for change, says in (
            ({"magic": b"HTTP"}, "not Thumbprint"),
            ({"version": 2}, "version 2"),
            ({"flags": 1}, "reserved"),
            ({"reserved": 1}, "reserved"),
            ({"type": 7}, "type 7"),
        ):
            with self.assertRaisesRegex(ProtocolError, says):
                decoded(header(**change))

    def test_too_large_a_body_is_refused_before_memory_is_taken(self) -> None:
        for most, count in ((16_842_752, 16_842_753), (1024, 1025), (16_842_752, 2**32 - 1)):
            decoder = FrameDecoder(most)
            decoder.space()[:] = header(count=count)[:56]
            with self.assertRaisesRegex(TooLargeError, str(count)):
                decoder.received(56)
            self.assertEqual(len(decoder._buffer), 56)

    def test_random_bytes_raise_nothing_else(self) -> None:
        seed = random.randrange(2**32)
        source = random.Random(seed)
        frames = list(dumps().values())
        for _ in range(3000):
            data = bytearray(source.choice(frames))
            for _ in range(source.randrange(1, 4)):
                data[source.randrange(len(data))] = source.randrange(256)
            try:
                decoded(bytes(data))
            except ThumbprintError:
                continue
            except Exception as cause:
                raise AssertionError(f"seed={seed}") from cause


if __name__ == "__main__":
    unittest.main()
