"""A coordinator and three workers: answers against NumPy, and against the command line.

Needs the executables: see `support.executables`.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import numpy as np

from tests.support import (
    LocalCluster,
    executables,
    feature_codes,
    full_scan,
    image_codes,
)
from thumbprint import Client, Parts, errors, read_dataset, write_dataset
from thumbprint.dataset import digest_of
from thumbprint.records import concatenate

COUNT = 2_000
FEATURES, IMAGES = feature_codes(COUNT), image_codes(COUNT)
# Copies, so that there are ties whose order counts.
FEATURES[COUNT // 2 : COUNT // 2 + 20] = FEATURES[:20]
IDS = np.random.default_rng(9).permutation(10**6)[:COUNT].astype(np.uint64)
IDS[5] = 2**64 - 1
NAMES = [None if i % 3 == 0 else f"фото/{i}.png" for i in range(COUNT)]
TAGS = [{} if i % 4 == 0 else {"n": str(i), "é": '"\\'} for i in range(COUNT)]
QUERIES = np.concatenate((FEATURES[:30], feature_codes(30, seed=77)))

cluster: LocalCluster
client: Client
folder: tempfile.TemporaryDirectory[str]
program: Path


def setUpModule() -> None:
    global cluster, client, folder, program
    binaries = executables()
    if binaries is None:
        raise RuntimeError("the executables are not built: swift build -c release")
    program = binaries / "thumbprint"
    folder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(folder.cleanup)
    cluster = LocalCluster(Path(folder.name) / "cluster", binaries)
    unittest.addModuleCleanup(cluster.down)
    client = Client(port=cluster.port)
    unittest.addModuleCleanup(client.close)
    wait_for_workers(3)
    photos = client.create_collection("photos", shard_count=4)
    receipt = photos.load(FEATURES, IMAGES, IDS, names=NAMES, tags=TAGS)
    if receipt.added != COUNT:
        raise RuntimeError(f"loaded {receipt}")


def wait_for_workers(count: int) -> None:
    """They listen before the coordinator has heard of them."""
    for _ in range(300):
        if sum(each.is_alive for each in client.cluster_status().workers) == count:
            return
        time.sleep(0.1)
    raise RuntimeError(f"{client.cluster_status().workers}")


class SearchTests(unittest.TestCase):
    def test_the_nearest_are_those_of_numpy(self) -> None:
        photos = client.collection("photos")
        for terms in ({}, {"exact": True}):
            distances, ids = photos.search(QUERIES, 25, **terms)
            for i, query in enumerate(QUERIES):
                expected = full_scan(query, FEATURES, IDS)
                np.testing.assert_array_equal(distances[i], expected[0][:25])
                np.testing.assert_array_equal(ids[i], expected[1][:25])

    def test_one_code_is_as_many(self) -> None:
        photos = client.collection("photos")
        distances, ids = photos.search(QUERIES[:5], 7)
        for i in range(5):
            single = photos.search(QUERIES[i], 7)
            np.testing.assert_array_equal(single[0], distances[i])
            np.testing.assert_array_equal(single[1], ids[i])

    def test_more_neighbours_than_records(self) -> None:
        distances, ids = client.collection("photos").search(QUERIES[0], COUNT + 5)
        expected = full_scan(QUERIES[0], FEATURES, IDS)
        np.testing.assert_array_equal(distances[:COUNT], expected[0])
        np.testing.assert_array_equal(ids[:COUNT], expected[1])
        self.assertEqual(distances[COUNT:].tolist(), [2**31 - 1] * 5)
        self.assertEqual(ids[COUNT:].tolist(), [2**64 - 1] * 5)

    def test_both_codes(self) -> None:
        both = np.hstack((FEATURES, IMAGES))
        photos = client.collection("photos")
        distances, ids = photos.search(QUERIES[:10], 9, images=IMAGES[:10])
        for i in range(10):
            query = np.concatenate((QUERIES[i], IMAGES[i]))
            expected = full_scan(query, both, IDS)
            np.testing.assert_array_equal(distances[i], expected[0][:9])
            np.testing.assert_array_equal(ids[i], expected[1][:9])

    def test_within_a_radius(self) -> None:
        radius = 1_950
        limits, distances, ids = client.collection("photos").range_search(QUERIES, radius)
        self.assertEqual(limits[0], 0)
        for i, query in enumerate(QUERIES):
            expected = full_scan(query, FEATURES, IDS)
            count = int((expected[0] <= radius).sum())
            self.assertEqual(limits[i + 1] - limits[i], count)
            here = slice(limits[i], limits[i + 1])
            np.testing.assert_array_equal(distances[here], expected[0][:count])
            np.testing.assert_array_equal(ids[here], expected[1][:count])
        self.assertGreater(limits[-1], len(QUERIES))

    def test_nothing_beyond_a_distance(self) -> None:
        distances, _ = client.collection("photos").search(QUERIES, 5, distance_max=100)
        self.assertTrue((distances[:, 0][:30] == 0).all())
        self.assertTrue((distances[30:] == 2**31 - 1).all())

    def test_a_share_of_the_true_answers(self) -> None:
        photos = client.collection("photos")
        _, ids = photos.search(QUERIES, 10, recall=0.9)
        true = photos.search(QUERIES, 10, exact=True)[1]
        found = sum(len(np.intersect1d(a, b)) for a, b in zip(ids, true))
        self.assertGreaterEqual(found / true.size, 0.9)

    def test_answers_with_everything(self) -> None:
        rows = {int(each): i for i, each in enumerate(IDS)}
        parts = Parts.IMAGES | Parts.NAMES | Parts.TAGS
        answers = client.collection("photos").query(
            QUERIES, 4, parts=parts, certificates=True, partial=True
        )
        self.assertEqual(len(answers), len(QUERIES))
        for answer in answers:
            self.assertEqual(answer.missing_shards, ())
            assert answer.certificate is not None
            self.assertLessEqual(answer.certificate.miss_probability, 1e-9)
            self.assertEqual(answer.certificate.row_count, COUNT)
            self.assertGreaterEqual(answer.certificate.radius, answer.distances[-1])
            found = [rows[each] for each in answer.ids.tolist()]
            np.testing.assert_array_equal(answer.records.images, IMAGES[found])
            self.assertEqual(answer.records.names, [NAMES[i] for i in found])
            self.assertEqual(answer.records.tags, [TAGS[i] for i in found])

    def test_many_threads(self) -> None:
        expected = client.collection("photos").search(QUERIES, 3)[1]
        wrong: list[object] = []

        def ask(thread: int) -> None:
            try:
                for i in range(thread, len(QUERIES), 4):
                    ids = client.collection("photos").search(QUERIES[i], 3)[1]
                    if not np.array_equal(ids, expected[i]):
                        wrong.append(i)
            except Exception as cause:
                wrong.append(cause)

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(wrong, [])


class RecordTests(unittest.TestCase):
    def test_fetch(self) -> None:
        photos = client.collection("photos")
        found = photos.fetch([int(IDS[3]), 10**7, int(IDS[5]), int(IDS[0])])
        np.testing.assert_array_equal(found.ids, IDS[[3, 5, 0]])
        np.testing.assert_array_equal(found.features, FEATURES[[3, 5, 0]])
        np.testing.assert_array_equal(found.images, IMAGES[[3, 5, 0]])
        self.assertEqual(found.names, [NAMES[i] for i in (3, 5, 0)])
        self.assertEqual(found.tags, [TAGS[i] for i in (3, 5, 0)])
        some = photos.fetch(IDS[[0]], Parts.NAMES)
        self.assertEqual((some.features, some.images, some.tags), (None, None, None))
        self.assertEqual(some.names, [None])
        self.assertEqual(len(photos.fetch([10**7])), 0)
        self.assertEqual(len(photos.fetch([])), 0)

    def test_scan_gives_everything(self) -> None:
        found = concatenate(list(client.collection("photos").scan()))
        order = np.argsort(found.ids)
        expected = np.argsort(IDS)
        np.testing.assert_array_equal(found.ids[order], IDS[expected])
        assert found.features is not None and found.names is not None
        np.testing.assert_array_equal(found.features[order], FEATURES[expected])
        self.assertEqual([found.names[i] for i in order], [NAMES[i] for i in expected])

    def test_load_replace_delete(self) -> None:
        other = client.create_collection("other", shard_count=3, replication_factor=1)
        try:
            codes = feature_codes(20_000, seed=4)
            seen: list[int] = []
            receipt = other.load(codes, progress=seen.append)
            self.assertEqual((receipt.added, receipt.replaced), (20_000, 0))
            self.assertEqual(seen[-1], 20_000)
            receipt = other.load(codes[::-1][:10], ids=np.arange(19_999, 19_989, -1))
            self.assertEqual((receipt.added, receipt.unchanged), (0, 10))
            receipt = other.load(codes[:10], ids=range(5, 15))
            self.assertEqual((receipt.added, receipt.replaced), (0, 10))
            self.assertEqual(other.search(codes[0], 2)[1].tolist(), [0, 5])
            gone = other.delete([0, 5, 5, 10**9])
            self.assertEqual((gone.deleted, gone.absent), (2, 1))
            self.assertGreater(other.search(codes[0], 1)[0][0], 1000)
            self.assertEqual(sum(each.record_count for each in other.stats().shards), 19_998)
            self.assertEqual(sum(len(each) for each in other.scan(Parts.NONE)), 19_998)
            self.assertEqual(len(other.fetch(np.arange(20_000), Parts.NONE)), 19_998)
        finally:
            other.drop()

    def test_answers_that_are_too_large_for_a_message_come_in_parts(self) -> None:
        long = client.create_collection("long", shard_count=2, replication_factor=1)
        try:
            names = [f"{i:01024}" for i in range(6_000)]
            tags = [{"n": f"{i:04000}"} for i in range(6_000)]
            codes = feature_codes(6_000)
            long.load(codes, names=names, tags=tags)
            found = long.fetch(np.arange(6_000))
            self.assertEqual((found.names, found.tags), (names, tags))
            scanned = concatenate(list(long.scan(Parts.NAMES | Parts.TAGS)))
            assert scanned.names is not None
            self.assertEqual(sorted(map(str, scanned.names)), names)
        finally:
            long.drop()

    def test_a_coder_is_held_to(self) -> None:
        made = client.create_collection("coded", coder="made-by-a")
        try:
            info = made.info()
            self.assertEqual(info.coder, "made-by-a")
            # What nobody asked for is what the cluster makes.
            shape = (info.shard_count, info.replication_factor, info.table_count)
            self.assertEqual(shape, (8, 2, 128))
            with Client(port=cluster.port, coder="made-by-b") as stranger:
                with self.assertRaises(errors.CoderMismatchError):
                    stranger.collection("coded").load(FEATURES[:3])
                with self.assertRaises(errors.CoderMismatchError):
                    stranger.collection("coded").search(FEATURES[0])
            with Client(port=cluster.port, coder="made-by-a") as friend:
                self.assertEqual(friend.collection("coded").load(FEATURES[:3]).added, 3)
        finally:
            made.drop()


class AdministrationTests(unittest.TestCase):
    def test_status(self) -> None:
        status = client.cluster_status()
        self.assertEqual([each.is_alive for each in status.workers], [True] * 3)
        self.assertIn("photos", [each.name for each in status.collections])
        shards = [each for each in status.shards if each.collection == "photos"]
        self.assertEqual([each.number for each in shards], [0, 1, 2, 3])
        self.assertTrue(all(len(each.replicas) == 2 for each in shards))
        self.assertIn("photos", [each.name for each in client.collections()])

    def test_plans(self) -> None:
        worker = client.cluster_status().workers[0].name
        plan = client.drain(worker, dry_run=True)
        self.assertIn(worker, plan.notes[0])
        self.assertTrue(plan.steps)
        self.assertTrue(all(each.target != worker for each in plan.steps))
        undone = client.undrain(worker)
        self.assertEqual(undone.aborted_move_count, 0)
        self.assertTrue(undone.replica_count > 0)
        client.rebalance(dry_run=True)
        client.set_bandwidth(0)

    def test_replicas_are_added(self) -> None:
        made = client.create_collection("spread", shard_count=2, replication_factor=1)
        try:
            made.load(FEATURES)
            client.set_replicas("spread", 3)
            for _ in range(300):
                status = client.cluster_status()
                shards = [each for each in status.shards if each.collection == "spread"]
                if [sum(r.is_in_sync for r in each.replicas) for each in shards] == [3, 3]:
                    break
                time.sleep(0.1)
            else:
                self.fail(f"{shards} {status.moves}")
            ended = [each for each in status.ended_moves if each.collection == "spread"]
            self.assertTrue(all(each.aborted is None for each in ended), ended)
            self.assertEqual(made.info().replication_factor, 3)
        finally:
            made.drop()

    def test_errors_say_what_where_and_why(self) -> None:
        with self.assertRaises(errors.NotFoundError) as caught:
            client.collection("none").search(FEATURES[0])
        self.assertEqual((caught.exception.number, caught.exception.code), (12, "notFound"))
        self.assertIn("none", caught.exception.message)
        self.assertIsNotNone(caught.exception.hint)
        self.assertNotEqual(caught.exception.trace_id, 0)
        with self.assertRaises(errors.ExistsError):
            client.create_collection("photos")
        with self.assertRaises(errors.InvalidError):
            client.create_collection("odd", table_count=3)
        with self.assertRaises(errors.NotFoundError):
            client.abort_move(10**6)


class CommandLineTests(unittest.TestCase):
    """The same records in a store of the command line give the same answers."""

    def run_program(self, *arguments: str | Path, store: str | None = "store") -> str:
        place: list[str | Path] = [] if store is None else ["--store", Path(folder.name) / store]
        done = subprocess.run(
            [program, *arguments, *place],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_answers_and_datasets(self) -> None:
        place = Path(folder.name)
        write_dataset(place / "made.codes", FEATURES, IMAGES, IDS, names=NAMES, tags=TAGS)
        np.save(place / "queries.npy", QUERIES)
        self.run_program("collection", "create", "photos", "--shards", "3")
        # Loading compares the digest that Python wrote with the records.
        self.run_program("load", place / "made.codes", "--collection", "photos")
        query = ("query", "--collection", "photos", "--codes", place / "queries.npy")
        self.run_program(*query, "-k", "12", "--out", place / "answers")
        distances, ids = client.collection("photos").search(QUERIES, 12)
        np.testing.assert_array_equal(np.load(place / "answers" / "ids.npy"), ids)
        np.testing.assert_array_equal(np.load(place / "answers" / "distances.npy"), distances)

        coordinator = f"127.0.0.1:{cluster.port}"
        by_radius = ("--within", "1950", "--json")
        there = json.loads(
            self.run_program(*query, *by_radius, "--coordinator", coordinator, store=None)
        )
        answers = client.collection("photos").query(QUERIES, radius=1950, parts=Parts.NAMES)
        for printed_answer, answer in zip(there["queries"], answers):
            matches = printed_answer["matches"]
            self.assertEqual([each["id"] for each in matches], answer.ids.tolist())
            self.assertEqual([each["distance"] for each in matches], answer.distances.tolist())
            self.assertEqual([each.get("name") for each in matches], answer.records.names)

        printed = json.loads(self.run_program(*query, "--row", "3", "-k", "5", "--json"))
        matches = printed["queries"][0]["matches"]
        self.assertEqual([each["id"] for each in matches], ids[3, :5].tolist())
        self.assertEqual([each["distance"] for each in matches], distances[3, :5].tolist())

        self.run_program("export", place / "exported.codes", "--collection", "photos")
        exported = read_dataset(place / "exported.codes")
        self.assertEqual(exported.digest, digest_of(exported.records))
        self.assertEqual(exported.digest, read_dataset(place / "made.codes").digest)
        digests = [int(each.digest, 16) for each in client.collection("photos").stats().shards]
        self.assertEqual(f"{sum(digests) % 2**128:032x}", exported.digest)


class FailureTests(unittest.TestCase):
    def test_a_worker_dies_and_comes_back(self) -> None:
        photos = client.collection("photos")
        expected = photos.search(QUERIES, 5)
        shards = [each for each in client.cluster_status().shards if each.collection == "photos"]
        victim = shards[0].primary
        assert victim is not None
        cluster.run("kill", victim)
        try:
            for query, distances, ids in zip(QUERIES, *expected):
                found = photos.search(query, 5)
                np.testing.assert_array_equal(found[0], distances)
                np.testing.assert_array_equal(found[1], ids)
            # A write waits until another worker is the primary.
            self.assertEqual(photos.load(FEATURES, IMAGES, IDS, names=NAMES, tags=TAGS).added, 0)
        finally:
            cluster.run("start", victim)
            wait_for_workers(3)


class DocumentTests(unittest.TestCase):
    def test_the_example_of_the_readme_runs(self) -> None:
        text = (Path(__file__).parents[1] / "README.md").read_text()
        example = text.split("```python\n")[1].split("```")[0]
        self.assertIn("7700", example)
        self.assertIn('"photos"', example)
        changed = example.replace("7700", str(cluster.port)).replace('"photos"', '"example"')
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(changed, "README.md", "exec"), {})
        self.assertIn("'0.png'", printed.getvalue())
        self.assertIn("(10, 64)", printed.getvalue())
        client.drop_collection("example")


if __name__ == "__main__":
    unittest.main()
