"""Bodies: the examples of the page, what is refused, and damage of any kind."""

from __future__ import annotations

import copy
import pickle
import random
import struct
import unittest
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.support import PAGE, decoded, dumps, feature_codes, image_codes, welcome
from thumbprint import errors, messages
from thumbprint.admin import ClusterStatus, CollectionInfo, Plan, from_json
from thumbprint.cursor import Cursor
from thumbprint.frames import Frame, FrameType
from thumbprint.messages import SearchTerms
from thumbprint.records import Parts, decode_rows, encode_rows, parsed_tags, shards_of

COLLECTION = bytes.fromhex("8877665544332211" + "00ffeeddccbbaa99")


def body(name: str) -> bytes:
    return bytes(decoded(dumps()[name])[0].body)


def terms(**changes: Any) -> SearchTerms:
    fields: dict[str, Any] = {
        "extent": 0,
        "count_or_radius": 10,
        "metric": 0,
        "promise": 0,
        "recall": 0.0,
        "distance_max": 4096,
        "wants": 0,
        "miss_probability": 1e-9,
    }
    return SearchTerms(**{**fields, **changes})


class ExampleTests(unittest.TestCase):
    def test_error(self) -> None:
        failure = messages.decode_error(decoded(dumps()["error"])[0])
        self.assertIsInstance(failure, errors.UnavailableError)
        self.assertEqual(
            (failure.number, failure.code, failure.retryable), (19, "unavailable", True)
        )
        self.assertEqual(failure.message, "shard 7 of 'photos' has no live replica")
        self.assertEqual(failure.hint, "see 'thumbprint cluster shards'")
        self.assertEqual(failure.trace_id, 0xABCD)
        for other in (copy.copy(failure), pickle.loads(pickle.dumps(failure))):
            self.assertEqual(vars(other), vars(failure))
            self.assertEqual(str(other), str(failure))

    def test_hello_has_the_form_of_the_example(self) -> None:
        example = body("hello")
        mine = messages.encode_hello("vgg-2", "thumbprint 0.1")
        self.assertEqual(mine[:4], example[:4])
        self.assertEqual(mine[24:], example[26:])
        self.assertEqual(mine[4:8], bytes([1, 0, 5, 14]))

    def test_welcome(self) -> None:
        found = messages.decode_welcome(body("welcome"))
        self.assertEqual(found.cluster, "0123456789abcdeffedcba9876543210")
        self.assertEqual((found.role, found.name, found.program), (3, "", "thumbprint 0.1"))
        self.assertEqual((found.request_count_max, found.body_byte_count_max), (256, 16_842_752))

    def test_ping_and_cancel(self) -> None:
        self.assertEqual(messages.encode_token(0x0102030405060708), body("ping"))
        self.assertEqual(messages.decode_token(body("ping")), 0x0102030405060708)
        self.assertEqual(messages.encode_token(42), body("cancel"))

    def test_search_is_the_example_but_for_shards(self) -> None:
        example = body("search")
        asked = terms(wants=3, miss_probability=struct.unpack_from("<d", example, 40)[0])
        mine = messages.encode_search(COLLECTION, asked, b"vgg-2", 1, b"\xa5" * 512)
        self.assertEqual(mine[:18], example[:18])
        self.assertEqual(mine[20:61], example[20:61])
        self.assertEqual(mine[61:], example[65:])

    def test_search_reply(self) -> None:
        found = messages.decode_search_reply(body("search reply"), 1, terms())
        self.assertEqual(found.offsets.tolist(), [0, 2])
        self.assertEqual(found.distances.tolist(), [0, 1000])
        self.assertEqual(found.rows.ids.tolist(), [5, 2**64 - 2])
        self.assertEqual(found.rows.names, ["été", None])
        self.assertEqual(found.missing, {7: 19})
        self.assertIsNone(found.certificates)

    def test_fetch(self) -> None:
        ids = np.array([5, 2**64 - 1], np.uint64)
        parts = Parts.IMAGES | Parts.NAMES
        self.assertEqual(messages.encode_fetch(COLLECTION, ids, parts), body("fetch"))

    def test_delete_is_the_example_but_for_its_coder(self) -> None:
        example = body("append")
        ids = np.array([9, 5], np.uint64)
        mine = messages.encode_delete(COLLECTION, 7, ids)
        self.assertEqual(mine[:19], example[:19])
        self.assertEqual(mine[20:], example[20:24] + example[29:])

    def test_append_reply(self) -> None:
        found = messages.decode_append_reply(body("append reply"))
        self.assertEqual(found, messages.AppendReply(0, 0, 0, 1, 1))


class RowsTests(unittest.TestCase):
    def rows(self) -> bytes:
        return encode_rows(
            np.array([7, 2**64 - 1, 0], np.uint64),
            feature_codes(3),
            image_codes(3),
            [b"", "日本.png".encode(), b"b"],
            [b'{"a":"\xc3\xa9"}', b"", b""],
        )

    def test_what_is_written_is_read(self) -> None:
        cursor = Cursor(self.rows(), "rows")
        found = decode_rows(cursor, 3)
        cursor.end()
        self.assertEqual(found.ids.tolist(), [7, 2**64 - 1, 0])
        np.testing.assert_array_equal(found.features, feature_codes(3))
        np.testing.assert_array_equal(found.images, image_codes(3))
        self.assertEqual(found.names, [None, "日本.png", "b"])
        self.assertEqual(found.tags, [{"a": "é"}, {}, {}])

    def test_tags_that_are_not_canonical_are_refused(self) -> None:
        for text in ('{"a": "b"}', '{"b":"1","a":"2"}', '{"a":1}', "[]", "{}", "x", "[" * 4000):
            with self.assertRaises(errors.ProtocolError, msg=text):
                parsed_tags(memoryview(text.encode()))

    def test_shards_are_those_of_the_page(self) -> None:
        ids = np.array([0, 1, 2, 1_000_000, 2**64 - 1], np.uint64)
        self.assertEqual(shards_of(ids, 7).tolist(), [6, 3, 4, 2, 6])

    def test_shards_equal_those_of_long_numbers(self) -> None:
        ids = np.random.default_rng(5).integers(0, 2**64, 500, dtype=np.uint64)
        for count in (1, 2, 3, 8, 1000, 1024):
            self.assertEqual(
                shards_of(ids, count).tolist(), [slow_shard(each, count) for each in ids.tolist()]
            )


def slow_shard(identity: int, count: int) -> int:
    mask = 2**64 - 1
    z = identity + 0x9E3779B97F4A7C15 & mask
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
    return (z ^ z >> 31) * count >> 64


def rows_only(data: bytes) -> object:
    cursor = Cursor(data, "rows")
    rows = decode_rows(cursor, 16_384)
    cursor.end()
    return rows


class DamageTests(unittest.TestCase):
    """Whatever the bytes are: a value or a `ThumbprintError`, and no memory beyond the body."""

    cases: tuple[tuple[bytes, Callable[[bytes], object]], ...] = (
        (welcome(), messages.decode_welcome),
        (body("ping"), messages.decode_token),
        (body("error"), lambda data: messages.decode_error(Frame(FrameType.ERROR, 1, 1, 0, data))),
        (
            body("search reply"),
            lambda data: messages.decode_search_reply(data, 1, terms()),
        ),
        (body("append reply"), messages.decode_append_reply),
        (RowsTests().rows(), rows_only),
        (
            b"\x01" + bytes(7) + encode_rows(np.arange(3, dtype=np.uint64)),
            messages.decode_scan_reply,
        ),
        (RowsTests().rows(), messages.decode_fetch_reply),
        (
            b'[{"name":"a","id":"00","shardCount":1,"replicationFactor":1,"tableCount":0,'
            b'"created":1.5,"recordCount":3}]',
            lambda data: from_json(tuple[CollectionInfo, ...], messages.decode_admin_reply(data)),
        ),
    )

    def test_examples_are_read(self) -> None:
        for data, decode in self.cases:
            decode(data)

    def test_every_cut_and_every_byte_too_many_is_refused(self) -> None:
        for data, decode in self.cases:
            for count in range(len(data)):
                with self.assertRaises(errors.ProtocolError):
                    decode(data[:count])
            with self.assertRaises(errors.ProtocolError):
                decode(data + b"x")

    def test_random_damage(self) -> None:
        seed = random.randrange(2**32)
        source = random.Random(seed)
        for data, decode in self.cases:
            for _ in range(1500):
                damaged = bytearray(data)
                for _ in range(source.randrange(1, 5)):
                    place = source.randrange(min(len(damaged), 200))
                    damaged[place] = source.choice((0, 1, 255, 128, source.randrange(256)))
                try:
                    decode(bytes(damaged))
                except errors.ThumbprintError:
                    continue
                except Exception as cause:
                    raise AssertionError(f"seed={seed} {bytes(damaged).hex()}") from cause

    def test_lies_about_counts_take_no_memory(self) -> None:
        rows = struct.pack("<IB3sII", 16_384, 15, bytes(3), 2**32 - 1, 2**32 - 1)
        with self.assertRaisesRegex(errors.ProtocolError, "bytes expected"):
            rows_only(rows)
        with self.assertRaisesRegex(errors.ProtocolError, "the most is"):
            rows_only(struct.pack("<IB3sII", 2**32 - 1, 0, bytes(3), 0, 0))
        reply = struct.pack("<HHIB7s", 1, 0, 2**20, 0, bytes(7)) + struct.pack("<I", 2**20)
        with self.assertRaisesRegex(errors.ProtocolError, "bytes expected"):
            messages.decode_search_reply(reply, 1, terms())


class JSONTests(unittest.TestCase):
    info = {  # noqa: RUF012
        "name": "a",
        "id": "0" * 32,
        "shardCount": 8,
        "replicationFactor": 2,
        "tableCount": 128,
        "created": 5,
        "recordCount": 0,
    }

    def test_unknown_keys_are_passed_over_and_missing_ones_named(self) -> None:
        found = from_json(CollectionInfo, {**self.info, "more": [1]})
        self.assertEqual((found.shard_count, found.created, found.coder), (8, 5.0, None))
        with self.assertRaisesRegex(errors.ProtocolError, "shardCount"):
            from_json(CollectionInfo, {k: v for k, v in self.info.items() if k != "shardCount"})
        wrongs: tuple[Any, ...] = (True, "8", 8.0, None, [])
        for wrong in wrongs:
            with self.assertRaisesRegex(errors.ProtocolError, "shardCount"):
                from_json(CollectionInfo, {**self.info, "shardCount": wrong})

    def test_nested_values(self) -> None:
        plan = from_json(Plan, {"steps": [], "notes": ["a", "b"]})
        self.assertEqual(plan.notes, ("a", "b"))
        with self.assertRaisesRegex(errors.ProtocolError, r"shards\[0\].replicas"):
            from_json(
                ClusterStatus,
                {
                    "cluster": "",
                    "mapVersion": 1,
                    "collections": [],
                    "workers": [],
                    "moves": [],
                    "endedMoves": [],
                    "shards": [{"collection": "a", "number": 0, "term": 1, "replicas": {}}],
                },
            )

    def test_the_table_of_errors_is_that_of_the_page(self) -> None:
        section = PAGE.read_text().split("## Errors\n")[1].split("## Limits")[0]
        rows = [
            [cell.strip(" `") for cell in line.split("|")[1:-1]]
            for line in section.splitlines()
            if line.startswith("| ") and line[2].isdigit()
        ]
        found = {int(n): (name, retry == "yes") for n, name, retry in rows}
        self.assertEqual(found, {n: kind[:2] for n, kind in errors.KINDS.items()})


if __name__ == "__main__":
    unittest.main()
