"""Exact answers are in the total order whatever the engine does with ties; recall by distance."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from codebench import truth
from tests.support import UnorderedFlat, codes


class Truth(unittest.TestCase):
    def test_many_ties_come_in_order_of_rows(self):
        base = np.repeat(codes(5), 40, axis=0)  # every distance 40 times
        queries = np.concatenate([base[:1], codes(4, seed=1)])
        for k in (1, 7, 40, 41, 199, 200):
            wanted = truth.nearest_numpy(base, queries, k)
            for seed in range(3):
                found = truth.nearest_faiss(base, queries, k, UnorderedFlat(base, seed), margin=3)
                self.assertTrue((found[0] == wanted[0]).all(), f"k={k} seed={seed}")
                self.assertTrue((found[1] == wanted[1]).all(), f"k={k} seed={seed}")

    def test_distances(self):
        base = codes(70000)[:, :512]
        query = codes(1, seed=2)[0]
        naive = np.unpackbits(base[[0, 65535, 65536, 69999]] ^ query, axis=1).sum(1)
        self.assertTrue((truth.distances_to(base, query)[[0, 65535, 65536, 69999]] == naive).all())

    def test_recall_counts_ties_with_the_last_place(self):
        exact = np.array([[1, 5, 5], [1, 2, 3]])
        found = np.array([[1, 5, 5], [1, 3, 0xFFFF]])
        self.assertEqual(truth.recall(found, exact).tolist(), [1, 2 / 3])
        self.assertEqual(truth.recall(np.array([[5, 5, 5]]), exact[:1]).tolist(), [1])

    def test_content_hash_sees_bytes_and_shape(self):
        a = codes(100)
        changed = a.copy()
        changed[99, 511] ^= 1
        self.assertEqual(truth.content_hash(a), truth.content_hash(a.copy()))
        self.assertNotEqual(truth.content_hash(a), truth.content_hash(changed))
        self.assertNotEqual(truth.content_hash(a), truth.content_hash(a[:99]))

    def test_save(self):
        with tempfile.TemporaryDirectory() as folder:
            path = truth.cached_path(Path(folder) / "new", "a" * 32, "b" * 32, 2)
            truth.save(path, np.array([[1, 2]]), np.array([[3, 4]]))
            stored = np.load(path)
            self.assertEqual(stored["distances"].tolist(), [[1, 2]])
            self.assertEqual([p.name for p in path.parent.iterdir()], [path.name])


if __name__ == "__main__":
    unittest.main()
