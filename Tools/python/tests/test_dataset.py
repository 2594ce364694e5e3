"""Coded datasets: what is written is read, and what breaks the rules is refused."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.support import feature_codes, image_codes
from thumbprint import DatasetError, read_dataset, write_dataset
from thumbprint.dataset import digest_of
from thumbprint.records import Records

NAMES = ["a/é.png", None, "tab\tand\nline\\", "r\r"]
TAGS = [{"b": "2", "a": "\u0001\u007f\U0001f600"}, {}, {"x": '"\\'}, {}]
IDS = np.array([7, 2**64 - 1, 0, 3], np.uint64)


class DatasetTests(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = self.folder / "photos.codes"

    def write(self) -> None:
        write_dataset(
            self.path,
            feature_codes(4),
            image_codes(4),
            IDS,
            names=NAMES,
            tags=TAGS,
            coder="vgg2-0f3c",
        )

    def test_what_is_written_is_read(self) -> None:
        self.write()
        found = read_dataset(self.path)
        self.assertTrue(found.is_whole)
        self.assertEqual(found.coder, "vgg2-0f3c")
        self.assertEqual(found.digest, digest_of(found.records))
        np.testing.assert_array_equal(found.records.ids, IDS)
        np.testing.assert_array_equal(found.records.features, feature_codes(4))
        np.testing.assert_array_equal(found.records.images, image_codes(4))
        self.assertEqual(found.records.names, NAMES)
        self.assertEqual(found.records.tags, TAGS)
        self.assertEqual([each.name for each in self.folder.iterdir()], ["photos.codes"])
        with self.assertRaises(FileExistsError):
            self.write()

    def test_nothing_is_left_of_one_that_could_not_be_written(self) -> None:
        with self.assertRaises(ValueError):
            write_dataset(self.path, feature_codes(1), names=["\ud800"])
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_no_records(self) -> None:
        write_dataset(self.path, feature_codes(0))
        found = read_dataset(self.path)
        self.assertEqual(len(found.records), 0)
        self.assertEqual(found.digest, "0" * 32)

    def test_a_plain_folder_as_the_page_makes_one(self) -> None:
        self.path.mkdir()
        np.save(self.path / "features.npy", feature_codes(3))
        found = read_dataset(self.path)
        self.assertFalse(found.is_whole)
        self.assertEqual(found.records.ids.tolist(), [0, 1, 2])
        self.assertEqual(found.records.names, [None] * 3)
        np.save(self.path / "ids.npy", np.array([3, 2, 5]))
        self.assertEqual(read_dataset(self.path).records.ids.tolist(), [3, 2, 5])

    def test_the_digest_depends_on_everything_and_not_on_order(self) -> None:
        self.write()
        records = read_dataset(self.path).records
        backwards = records[::-1]
        self.assertEqual(digest_of(backwards), digest_of(records))
        other = Records(records.ids, records.features, records.images, [None] * 4, records.tags)
        self.assertNotEqual(digest_of(other), digest_of(records))

    def test_what_breaks_the_rules_is_refused_naming_the_file(self) -> None:
        def put(name: str, data: bytes) -> None:
            (self.path / name).write_bytes(data)

        def put_array(name: str, array: object) -> None:
            np.save(self.path / name, np.asarray(array))

        def describe(**changes: object) -> None:
            text = (self.path / "dataset.json").read_text()
            put("dataset.json", json.dumps({**json.loads(text), **changes}).encode())

        cases: tuple[tuple[str, Callable[[], object]], ...] = (
            ("features.npy", lambda: (self.path / "features.npy").unlink()),
            ("images.npy", lambda: (self.path / "images.npy").unlink()),
            ("features.npy", lambda: put_array("features.npy", np.zeros((4, 511), np.uint8))),
            ("features.npy", lambda: put_array("features.npy", np.zeros((4, 512), np.int8))),
            (
                "features.npy",
                lambda: put_array("features.npy", np.zeros((4, 512), np.uint8, order="F")),
            ),
            ("features.npy", lambda: put_array("features.npy", np.array([None] * 4))),
            ("features.npy", lambda: put("features.npy", b"")),
            (
                "goes on",
                lambda: put("features.npy", (self.path / "features.npy").read_bytes() + b"x"),
            ),
            ("ids.npy", lambda: put_array("ids.npy", np.array([1, 2, 3], np.uint64))),
            ("ids.npy", lambda: put_array("ids.npy", np.array([1, 2, 3, -4]))),
            ("ids.npy", lambda: put_array("ids.npy", np.arange(4, dtype=">u8"))),
            ("ids.npy", lambda: put_array("ids.npy", np.arange(4.0))),
            ("line 1", lambda: put("names.txt", b"a\\x\n\n\n\n")),
            ("line 2", lambda: put("names.txt", b"\nb\r\n\n\n")),
            ("line 4", lambda: put("names.txt", b"\n\n\nb")),
            ("line 1", lambda: put("names.txt", b"\xff\n\n\n\n")),
            ("line 3", lambda: put("names.txt", b"\n\n" + b"x" * 1025 + b"\n\n")),
            ("line 1", lambda: put("names.txt", b"x" * 100_000)),
            ("5 rows", lambda: put("names.txt", b"\n" * 5)),
            ("line 1", lambda: put("tags.jsonl", b"[]\n\n\n\n")),
            ("line 1", lambda: put("tags.jsonl", b'{"a":1}\n\n\n\n')),
            ("twice", lambda: put("tags.jsonl", b'{"a":"1","a":"1"}\n\n\n\n')),
            ("line 1", lambda: put("tags.jsonl", b'{"a":"\\ud800"}\n\n\n\n')),
            ("line 1", lambda: put("tags.jsonl", b"[" * 20_000 + b"\n\n\n\n")),
            ("dataset.json", lambda: put("dataset.json", b"[" * 60_000)),
            ("dataset.json", lambda: put("dataset.json", b" " * 70_000)),
            ("version 2", lambda: describe(version=2)),
            ("count is 5", lambda: describe(count=5)),
            ("coder", lambda: describe(coder="A")),
            ("digest", lambda: describe(digest="0")),
            ("format", lambda: describe(format="x")),
        )
        for says, change in cases:
            with self.subTest(says):
                shutil.rmtree(self.path, ignore_errors=True)
                self.write()
                change()
                with self.assertRaisesRegex(DatasetError, says):
                    read_dataset(self.path)

    def test_random_damage(self) -> None:
        seed = random.randrange(2**32)
        source = random.Random(seed)
        self.write()
        for path in sorted(self.path.iterdir()):
            whole = path.read_bytes()
            for _ in range(100):
                data = bytearray(whole)
                place = source.randrange(min(len(data), 160))
                data[place] = source.randrange(256)
                path.write_bytes(bytes(data) if source.random() < 0.8 else data[:place])
                try:
                    read_dataset(self.path)
                except DatasetError:
                    continue
                except Exception as cause:
                    raise AssertionError(
                        f"seed={seed} {path.name} {bytes(data[:160])!r}"
                    ) from cause
            path.write_bytes(whole)


if __name__ == "__main__":
    unittest.main()
