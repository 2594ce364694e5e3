"""The peers: how each is built, its settings, and its search call below Python where it has one."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .codes import BIT_COUNT, BYTE_COUNT
from .console import say

NOT_FOUND = np.int32(0xFFFF)  # above every distance: a place that was left empty
TRAINING_ROW_COUNT_MAX = (2 << 30) // (4 * BIT_COUNT)
thread_count = 1


def use_threads(count):
    """Holds every peer to `count` threads."""
    import faiss

    global thread_count
    thread_count = count
    faiss.omp_set_num_threads(count)


@dataclass
class Build:
    """What an index cost: seconds of wall and CPU, bytes beyond the codes as it is saved."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    bytes_per_code: float = 0.0
    from_cache: bool = False


class FaissPeer:
    """An index of FAISS, called below its Python checks, one query at a time or all at once."""

    def __init__(self, name):
        self.name = name
        self.index = None

    def create(self, base):
        raise NotImplementedError

    def settings(self):
        """Pairs of a label and what to call to choose that setting."""
        return [("", lambda: None)]

    def build(self, base):
        self.index = self.create(base)
        rows = np.ascontiguousarray(base)
        if not self.index.is_trained:
            self.index.train(self.training_rows(rows))
        self.index.add(rows)

    def training_rows(self, rows):
        return rows

    def save(self, path):
        import faiss

        faiss.write_index_binary(self.index, str(path))

    def load(self, path, base):
        import faiss

        self.index = faiss.read_index_binary(str(path))

    def prepare(self, queries, k):
        import faiss

        self.k = k
        self.queries = np.ascontiguousarray(queries)
        self.distances = np.empty((len(queries), k), np.int32)
        self.rows = np.empty((len(queries), k), np.int64)
        self.at = [
            tuple(
                faiss.swig_ptr(array[i : i + 1])
                for array in (self.queries, self.distances, self.rows)
            )
            for i in range(len(queries))
        ]

    def search(self, i):
        query, distances, rows = self.at[i]
        self.index.search_c(1, query, self.k, distances, rows)

    def search_all(self):
        import faiss

        self.index.search_c(
            len(self.queries),
            faiss.swig_ptr(self.queries),
            self.k,
            faiss.swig_ptr(self.distances),
            faiss.swig_ptr(self.rows),
        )

    def found(self):
        """Distances by query and place; `NOT_FOUND` where there was no answer."""
        return np.where(self.rows < 0, NOT_FOUND, self.distances)


class Flat(FaissPeer):
    def __init__(self):
        super().__init__("FAISS Flat")

    def create(self, base):
        import faiss

        return faiss.IndexBinaryFlat(BIT_COUNT)


class IVF(FaissPeer):
    def __init__(self, list_count, probe_counts):
        super().__init__(f"FAISS IVF{list_count}")
        self.list_count, self.probe_counts = list_count, probe_counts
        # FAISS's own default of 256, as long as what it trains on stays below 2 GiB as floats.
        self.points_per_list = min(256, TRAINING_ROW_COUNT_MAX // list_count)

    def create(self, base):
        import faiss

        # The quantizer must live as long as the index, which does not own it.
        self.quantizer = faiss.IndexBinaryFlat(BIT_COUNT)
        index = faiss.IndexBinaryIVF(self.quantizer, BIT_COUNT, self.list_count)
        index.cp.max_points_per_centroid = self.points_per_list
        return index

    def training_rows(self, rows):
        # FAISS turns what it trains on into floats, 16 KiB a code, before it draws its sample.
        count = min(len(rows), self.list_count * self.points_per_list)
        sample = np.random.default_rng(1).choice(len(rows), count, replace=False)
        return np.ascontiguousarray(rows[np.sort(sample)])

    def settings(self):
        def choose(probes):
            self.index.nprobe = probes

        return [
            (f"nprobe={p}", lambda p=p: choose(p))
            for p in self.probe_counts
            if p <= self.list_count
        ]


def construction_label(ef_construction):
    return "" if ef_construction is None else f" built with ef={ef_construction}"


class HNSW(FaissPeer):
    def __init__(self, link_count, ef_searches, ef_construction=None):
        super().__init__(f"FAISS HNSW{link_count}" + construction_label(ef_construction))
        self.link_count, self.ef_searches = link_count, ef_searches
        self.ef_construction = ef_construction

    def create(self, base):
        import faiss

        index = faiss.IndexBinaryHNSW(BIT_COUNT, self.link_count)
        if self.ef_construction is not None:
            index.hnsw.efConstruction = self.ef_construction
        return index

    def settings(self):
        def choose(ef):
            self.index.hnsw.efSearch = ef

        return [(f"ef={ef}", lambda ef=ef: choose(ef)) for ef in self.ef_searches]


class MultiHash(FaissPeer):
    def __init__(self, table_count, bit_count, flip_counts):
        super().__init__(f"FAISS MultiHash {table_count}x{bit_count}")
        self.table_count, self.bit_count, self.flip_counts = table_count, bit_count, flip_counts

    def create(self, base):
        import faiss

        return faiss.IndexBinaryMultiHash(BIT_COUNT, self.table_count, self.bit_count)

    def settings(self):
        def choose(flips):
            self.index.nflip = flips

        return [(f"nflip={f}", lambda f=f: choose(f)) for f in self.flip_counts]


class USearch:
    """usearch over packed bits; its Python call is timed with it, some microseconds of hundreds."""

    def __init__(self, link_count, expansions, ef_construction=None):
        self.name = f"usearch b1 M{link_count}" + construction_label(ef_construction)
        self.link_count, self.expansions = link_count, expansions
        self.ef_construction = ef_construction

    def settings(self):
        def choose(expansion):
            self.index.expansion_search = expansion

        return [(f"ef={e}", lambda e=e: choose(e)) for e in self.expansions]

    def build(self, base):
        from usearch.index import Index, MetricKind, ScalarKind

        self.index = Index(
            ndim=BIT_COUNT,
            metric=MetricKind.Hamming,
            dtype=ScalarKind.B1,
            connectivity=self.link_count,
            expansion_add=self.ef_construction,
        )
        self.index.add(np.arange(len(base)), np.ascontiguousarray(base), threads=thread_count)

    def save(self, path):
        self.index.save(str(path))

    def load(self, path, base):
        from usearch.index import Index

        self.index = Index.restore(str(path))

    def prepare(self, queries, k):
        self.k = k
        self.queries = np.ascontiguousarray(queries)
        self.distances = np.full((len(queries), k), NOT_FOUND, np.int32)

    def search(self, i):
        matches = self.index.search(self.queries[i], self.k, threads=thread_count)
        self.distances[i, : len(matches.distances)] = matches.distances

    def search_all(self):
        matches = self.index.search(self.queries, self.k, threads=thread_count)
        places = np.arange(self.k) < matches.counts[:, None]
        self.distances[:] = np.where(places, matches.distances, NOT_FOUND)

    def found(self):
        return self.distances


def build_or_load(peer, base, base_hash, folder, keep):
    """Fills the peer's index, from `folder` if it is kept there, and says what building cost.

    The cost of an index from the cache is the one noted when it was built.
    """
    name = peer.name.lower().replace(" ", "-")
    path = Path(folder) / f"{name}-{base_hash[:16]}.index"
    notes = path.with_suffix(".json")
    if path.exists() and notes.exists():
        peer.load(path, base)
        return Build(**json.loads(notes.read_text()), from_cache=True)
    say(f"peers: building {peer.name} over {len(base):,} codes")
    wall, cpu = time.perf_counter(), time.process_time()
    peer.build(base)
    build = Build(time.perf_counter() - wall, time.process_time() - cpu)
    path.parent.mkdir(parents=True, exist_ok=True)
    peer.save(path)
    build.bytes_per_code = path.stat().st_size / len(base) - BYTE_COUNT
    if keep:
        facts = {key: value for key, value in vars(build).items() if key != "from_cache"}
        notes.write_text(json.dumps(facts))
    else:
        path.unlink()
    say(
        f"peers: {peer.name} built in {build.wall_seconds:.1f} s ({build.cpu_seconds:.1f} s of CPU)"
    )
    return build
