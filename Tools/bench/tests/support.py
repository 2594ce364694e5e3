"""Small arrays, a peer made of NumPy alone and a stand-in for the program, for the tests."""

import json
import stat
import sys
import textwrap
from pathlib import Path

import numpy as np

from codebench import truth


def codes(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 512), dtype=np.uint8)


class FullScan:
    """The slow twin of FAISS Flat and of any peer: exact, in NumPy."""

    name = "Full scan"
    index = None

    def build(self, base):
        self.base = np.asarray(base)

    def save(self, path):
        np.save(str(path) + ".npy", self.base)
        Path(str(path) + ".npy").rename(path)

    def load(self, path, base):
        self.base = np.asarray(base)

    def settings(self):
        return [("", lambda: None)]

    def prepare(self, queries, k):
        self.queries, self.k = queries, k
        self.distances = np.zeros((len(queries), k), np.int32)

    def search(self, i):
        self.distances[i] = truth.nearest_numpy(self.base, self.queries[i : i + 1], self.k)[0]

    def search_all(self):
        for i in range(len(self.queries)):
            self.search(i)

    def found(self):
        return self.distances


class UnorderedFlat:
    """Searches as FAISS does: the k nearest in any order of ties, and everything below a radius."""

    def __init__(self, base, seed=0):
        self.base = base
        self.random = np.random.default_rng(seed)

    def search(self, queries, k):
        distances = np.stack([truth.distances_to(self.base, query) for query in queries]).astype(
            np.int32
        )
        rows = np.stack([np.lexsort((self.random.random(len(self.base)), of)) for of in distances])[
            :, :k
        ]
        return np.take_along_axis(distances, rows, 1), rows

    def range_search(self, queries, radius):
        distances = truth.distances_to(self.base, queries[0])
        rows = self.random.permutation(np.flatnonzero(distances < radius))
        return np.array([0, len(rows)]), distances[rows], rows


def stand_in(folder, body=None):
    """An executable that takes the arguments of `thumbprint bench search` and answers alike."""
    path = Path(folder) / "thumbprint"
    body = (
        body
        or """
        import json, sys
        import numpy as np
        words = dict(zip(sys.argv[3::1], sys.argv[4::1]))
        queries, base = np.load(words["--queries"]), np.load(words["--features"], mmap_mode="r")
        times = [0.01] * len(queries)
        answer = {
            "rows": len(base), "queryCount": len(queries), "k": int(words["-k"]),
            "promise": words["--promise"], "tables": int(words["--tables"]),
            "buildSeconds": 0.5, "buildCPUSeconds": 0.5 * len(base) / 1e6,
            "indexBytesPerCode": 4.2 * int(words["--tables"]),
            "single": {"medianMs": 0.01, "p95Ms": 0.01, "meanMs": 0.01, "recall": 1.0,
                       "candidates": 5, "perQueryMs": times},
            "flat": {"medianMs": 1.0}, "checksum": "0",
        }
        if words["--mode"] == "both":
            answer["batch"] = {"msPerQuery": 0.005, "recall": 1.0}
        print(json.dumps(answer))
    """
    )
    path.write_text(f"#!{sys.executable}\n{textwrap.dedent(body)}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def report(rows, row_count=1_000_000):
    """The parts of a report of `peers` that goals and tables read."""
    return {
        "set": "set",
        "rows": row_count,
        "queryCount": 100,
        "k": 4,
        "threads": 1,
        "machine": {"architecture": "any", "cores": 2},
        "versions": {"python": "3"},
        "flat": {
            "medianMs": 10.0,
            "lowMs": 9.0,
            "highMs": 11.0,
            "slicesMs": [9.0, 10.0, 11.0],
            "batch": {"msPerQuery": 10.0},
        },
        "results": json.loads(json.dumps(rows)),
    }


def row(peer="thumbprint", setting="", ms=0.01, recall=1.0, classes=("all",), **more):
    of_class = {"medianMs": ms, "p95Ms": ms, "meanMs": ms, "ratio": 10 / ms, "recall": recall}
    return {
        "peer": peer,
        "setting": setting,
        "single": {**of_class},
        "recall": recall,
        "batch": {"msPerQuery": ms, "ratio": 10 / ms},
        "buildCPUSeconds": 5.0,
        "indexBytesPerCode": 545.0,
        "busy": None,
        "classes": {name: dict(of_class) for name in classes},
        **more,
    }
