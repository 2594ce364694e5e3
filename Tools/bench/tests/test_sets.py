"""The code sets have the statistics they promise and depend on nothing but their seeds."""

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path

import numpy as np

from codebench import generate, sets
from codebench.codes import BIT_COUNT, BenchError, bernoulli_bytes, random_stream
from tests.support import codes


def distance(left, right):
    return np.bitwise_count(left ^ right).sum(-1, dtype=int)


class Bernoulli(unittest.TestCase):
    def test_share_and_independence(self):
        bit_count = 512 * 2000 * 8
        for probability in (0, 0.02, 0.1, 0.15, 0.5, 0.9, 1):
            bits = np.unpackbits(bernoulli_bytes(random_stream(7, 1), (2000, 512), probability))
            allowed = 5 * np.sqrt(probability * (1 - probability) / bit_count) + 2**-17
            self.assertAlmostEqual(bits.mean(), probability, delta=allowed + 1e-12)
            both = (bits[1:] & bits[:-1]).mean()
            self.assertAlmostEqual(both, probability**2, delta=3 * allowed + 1e-12)

    def test_places_are_alike(self):
        bits = np.unpackbits(bernoulli_bytes(random_stream(7, 2), (4000, 512), 0.2), axis=1)
        self.assertLess(np.abs(bits.mean(0) - 0.2).max(), 6 * np.sqrt(0.16 / 4000))

    def test_refuses_what_is_no_probability(self):
        with self.assertRaises(ValueError):
            bernoulli_bytes(random_stream(1), (1, 8), 1.5)


class Planted(unittest.TestCase):
    code_set = sets.PlantedSet(3)

    def test_members_lie_where_the_class_says(self):
        rows = sets.chunk_codes(self.code_set, 0).reshape(-1, 4, 512)
        for group_class, share in enumerate(self.code_set.shares):
            own = rows[group_class::5]
            expected = 2 * share * (1 - share) * BIT_COUNT
            self.assertAlmostEqual(
                distance(own[:, 0], own[:, 3]).mean(), expected, delta=0.02 * expected
            )
        self.assertAlmostEqual(distance(rows[:-1, 0], rows[1:, 0]).mean(), 2048, delta=5)

    def test_queries_lie_near_their_group_and_far_ones_near_none(self):
        queries, classes = sets.queries(self.code_set, 8, 0, 8000)
        rows = sets.chunk_codes(self.code_set, 0)
        nearest = np.stack([np.sort(distance(rows, query))[:5] for query in queries]) / BIT_COUNT
        for group_class, share in enumerate(self.code_set.shares):
            own = nearest[classes == group_class]
            self.assertTrue((np.abs(own[:, :4] - 2 * share * (1 - share)) < 0.05).all())
            self.assertTrue((own[:, 4] > 0.45).all())
        self.assertTrue((nearest[classes == 5] > 0.45).all())


class Latent(unittest.TestCase):
    code_set = sets.LatentSet(3)

    def test_densities_and_distances(self):
        rows = sets.chunk_codes(self.code_set, 0)
        density = np.unpackbits(rows[::4], axis=1).mean(0)
        self.assertTrue(0.03 < density.min() < 0.17 and 0.83 < density.max() < 0.97)
        groups = rows.reshape(-1, 4, 512)
        within = distance(groups[:, 0], groups[:, 1]) / BIT_COUNT
        means = [within[c::4].mean() for c in range(4)]
        self.assertEqual(means, sorted(means))
        self.assertLess(means[-1], 0.25)
        strangers = distance(groups[:-1, 0], groups[1:, 0]) / BIT_COUNT
        self.assertAlmostEqual(strangers.mean(), 0.39, delta=0.03)

    def test_has_a_class_of_new_objects(self):
        queries, classes = sets.queries(self.code_set, 5, 0, 8000)
        self.assertEqual(queries.shape, (25, 512))
        self.assertEqual(np.bincount(classes).tolist(), [5] * 5)


class Queries(unittest.TestCase):
    def test_query_seeds_never_share_a_group(self):
        code_set = sets.PlantedSet(1)
        for group_class in range(5):
            asked = [sets.query_groups(code_set, group_class, 150, seed, 8000) for seed in range(2)]
            self.assertEqual(len(np.unique(np.concatenate(asked))), 300)
            self.assertTrue((np.concatenate(asked) % 5 == group_class).all())
            self.assertTrue((np.concatenate(asked) < 2000).all())

    def test_groups_come_from_all_rows(self):
        groups = sets.query_groups(sets.PlantedSet(1), 0, 200, 0, 1_000_000)
        self.assertGreater(groups.max(), 200_000)
        self.assertLess(groups.min(), 50_000)

    def test_too_many_queries_are_refused(self):
        with self.assertRaisesRegex(BenchError, "--query-seed: 2 is above 1"):
            sets.query_groups(sets.PlantedSet(1), 0, 200, 2, 8000)


class Command(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def generate(self, *words):
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            status = generate.main([str(word) for word in words])
        return status, errors.getvalue()

    def array(self, name):
        return np.load(self.folder / name)

    def test_rows_depend_on_neither_size_nor_processes(self):
        for kind in ("planted", "latent"):
            for name, rows, processes in (("a", 9001, 1), ("b", 16500, 2)):
                words = (
                    kind,
                    self.folder / name,
                    "--rows",
                    rows,
                    "--processes",
                    processes,
                    "--per-class",
                    10,
                    "--query-rows",
                    9000,
                )
                self.assertEqual(self.generate(*words)[0], 0)
            self.assertTrue((self.array("a.base.npy") == self.array("b.base.npy")[:9001]).all())
            self.assertTrue((self.array("a.query.npy") == self.array("b.query.npy")).all())

    def test_facts_are_written_and_no_partial_file_is_left(self):
        self.generate("planted", self.folder / "s", "--rows", 8000, "--per-class", 20, "--seed", 4)
        facts = json.loads((self.folder / "s.json").read_text())
        self.assertEqual(
            (facts["kind"], facts["n"], facts["seed"], facts["k"]), ("planted", 8000, 4, 4)
        )
        self.assertEqual(len(self.array("s.query.npy")), 20 * len(facts["classes"]))
        self.assertEqual(np.bincount(self.array("s.class.npy")).tolist(), [20] * 6)
        self.assertEqual(
            sorted(p.name for p in self.folder.iterdir()),
            ["s.base.npy", "s.class.npy", "s.json", "s.query.npy"],
        )

    def test_other_queries_of_the_same_set(self):
        words = ("planted", self.folder / "s", "--rows", 8000, "--per-class", 20)
        self.generate(*words)
        before = self.array("s.base.npy")
        self.generate(
            *words, "--query-seed", 1, "--queries-only", "--query-prefix", self.folder / "t"
        )
        self.assertTrue((self.array("s.base.npy") == before).all())
        self.assertFalse((self.array("s.query.npy") == self.array("t.query.npy")).all(1).any())

    def test_real_holds_out_rows(self):
        source = codes(300)
        np.save(self.folder / "codes.npy", source)
        held_out = []
        for seed in (0, 1):
            status, _ = self.generate(
                "real",
                self.folder / "r",
                "--codes",
                self.folder / "codes.npy",
                "--hold-out",
                40,
                "--query-seed",
                seed,
            )
            self.assertEqual(status, 0)
            facts = json.loads((self.folder / "r.json").read_text())
            rows = facts["heldOutRows"]
            self.assertTrue((self.array("r.query.npy") == source[rows]).all())
            self.assertTrue((self.array("r.base.npy") == np.delete(source, rows, 0)).all())
            held_out += rows
        self.assertEqual(len(set(held_out)), 80)

    def test_bad_input_is_one_clear_line(self):
        np.save(self.folder / "wide.npy", np.zeros((10, 64), np.uint8))
        cases = [
            (("planted", "x", "--rows", 0), "--rows: 0 is below 1"),
            (
                ("planted", "x", "--rows", 100, "--query-rows", 200),
                "--query-rows: 200 is above 100",
            ),
            (("planted", "x", "--seed", -1), "--seed: -1 is below 0"),
            (("real", "x", "--codes", self.folder / "none.npy"), "no such file"),
            (("real", "x", "--codes", self.folder / "wide.npy"), "expected uint8 of n x 512"),
        ]
        for words, line in cases:
            status, errors = self.generate(*words)
            self.assertEqual(status, 65)
            self.assertIn(line, errors)


if __name__ == "__main__":
    unittest.main()
