"""The synthetic code sets, each a sequence of groups of four codes of one hidden object.

A group depends only on the seed and its number. So a set of n rows is the beginning of every
larger set of the same seed, any group can be made again for a query without reading the set, and
the rows do not depend on how many processes write them.
"""

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from .codes import (
    BIT_COUNT,
    BYTE_COUNT,
    BenchError,
    bernoulli_bytes,
    random_stream,
    uniform_codes,
)

GROUP_SIZE = 4
CHUNK_GROUP_COUNT = 2000  # a multiple of every class count; one class of a chunk fits in L2

# What a random stream is for; a part of its key.
CENTRES, MEMBERS, QUERY_GROUPS, QUERIES, MODEL = range(5)


@dataclass(frozen=True)
class PlantedSet:
    """Uniform random centres; members and queries flip a share of the bits, by class.

    Query and member lie 2f(1-f) apart, other codes 0.5: near duplicates among unrelated items.
    `far` queries are uniform and near nothing.
    """

    seed: int
    shares: tuple = (0.02, 0.05, 0.10, 0.15, 0.20)
    neighbour_count: int = 4

    kind = "planted"
    key = 1

    @property
    def group_class_count(self):
        return len(self.shares)

    @property
    def class_names(self):
        return [f"f={share:.2f}" for share in self.shares] + ["far"]

    def objects(self, chunk):
        return uniform_codes(random_stream(self.seed, self.key, CENTRES, chunk), CHUNK_GROUP_COUNT)

    def views(self, stream, objects, group_class, view_count):
        shape = (len(objects), view_count, BYTE_COUNT)
        return objects[:, None] ^ bernoulli_bytes(stream, shape, self.shares[group_class])

    def strangers(self, stream, count):
        return uniform_codes(stream, count)


@dataclass(frozen=True)
class LatentSet:
    """Signs of 4096 random projections of points from a mixture of Gaussians.

    Objects gather in clusters, so strangers lie at widely spread distances, and the bits have
    densities from 0.1 to 0.9 and are correlated. Members and queries are noisy copies of an object.
    `novel` queries are new objects of the same clusters.
    """

    seed: int
    noises: tuple = (0.10, 0.20, 0.30, 0.45)
    dimension: int = 48
    cluster_count: int = 1000
    spread: float = 0.6
    neighbour_count: int = 10

    kind = "latent"
    key = 2

    @property
    def group_class_count(self):
        return len(self.noises)

    @property
    def class_names(self):
        return [f"noise={noise:.2f}" for noise in self.noises] + ["novel"]

    @lru_cache(maxsize=4)
    def model(self):
        """Projections (dimension x bits), thresholds (bits) and cluster centres."""
        stream = random_stream(self.seed, self.key, MODEL)
        projections = stream.standard_normal((self.dimension, BIT_COUNT), np.float32)
        projections /= np.linalg.norm(projections, axis=0)
        centres = stream.standard_normal((self.cluster_count, self.dimension), np.float32)
        densities = stream.uniform(0.1, 0.9, BIT_COUNT)
        deviation = np.sqrt(1 + self.spread**2 + np.mean(np.square(self.noises)))
        normal = NormalDist(0, float(deviation))
        thresholds = np.array([normal.inv_cdf(1 - p) for p in densities], np.float32)
        return projections, thresholds, centres

    def encode(self, points, block=512):
        projections, thresholds, _ = self.model()
        codes = np.empty((len(points), BYTE_COUNT), np.uint8)
        for first in range(0, len(points), block):
            values = points[first : first + block] @ projections
            codes[first : first + block] = np.packbits(values > thresholds, axis=1)
        return codes

    def draw_objects(self, stream, count):
        _, _, centres = self.model()
        offsets = stream.standard_normal((count, self.dimension), np.float32)
        return centres[stream.integers(0, self.cluster_count, count)] + self.spread * offsets

    def objects(self, chunk):
        stream = random_stream(self.seed, self.key, CENTRES, chunk)
        return self.draw_objects(stream, CHUNK_GROUP_COUNT).astype(np.float32)

    def views(self, stream, objects, group_class, view_count):
        shape = (len(objects), view_count, self.dimension)
        noise = np.float32(self.noises[group_class]) * stream.standard_normal(shape, np.float32)
        points = (objects[:, None] + noise).astype(np.float32).reshape(-1, self.dimension)
        return self.encode(points).reshape(len(objects), view_count, BYTE_COUNT)

    def strangers(self, stream, count):
        return self.encode(self.draw_objects(stream, count).astype(np.float32))


KINDS = {cls.kind: cls for cls in (PlantedSet, LatentSet)}


def chunk_codes(code_set, chunk):
    """The codes of all groups of one chunk, four rows each; group g is of class g mod classes."""
    objects = code_set.objects(chunk)
    codes = np.empty((CHUNK_GROUP_COUNT, GROUP_SIZE, BYTE_COUNT), np.uint8)
    stream = random_stream(code_set.seed, code_set.key, MEMBERS, chunk)
    step = code_set.group_class_count
    for group_class in range(step):
        own = objects[group_class::step]
        codes[group_class::step] = code_set.views(stream, own, group_class, GROUP_SIZE)
    return codes.reshape(-1, BYTE_COUNT)


def chunk_row_count():
    return CHUNK_GROUP_COUNT * GROUP_SIZE


def query_groups(code_set, group_class, count, query_seed, row_count):
    """Numbers of the groups of one class that a query set asks for, each a different group.

    Query sets are consecutive slices of one shuffled order of the groups, so two query seeds never
    share a group (for the same `row_count`).
    """
    step = code_set.group_class_count
    available = (row_count // GROUP_SIZE - group_class + step - 1) // step
    set_count = max(0, available) // count
    if query_seed >= set_count:
        raise BenchError(
            f"--query-seed: {query_seed} is above {set_count - 1}: {row_count} rows hold "
            f"{available} groups of class {code_set.class_names[group_class]}, {count} a query set",
            "ask for fewer queries a class or more rows",
        )
    stream = random_stream(code_set.seed, code_set.key, QUERY_GROUPS, group_class)
    order = stream.permutation(available)[query_seed * count : (query_seed + 1) * count]
    return order * step + group_class


def queries(code_set, per_class, query_seed, row_count):
    """Queries in order of class, `per_class` of each and strangers last; and the class of each."""
    codes = []
    for group_class in range(code_set.group_class_count):
        groups = query_groups(code_set, group_class, per_class, query_seed, row_count)
        chunks = groups // CHUNK_GROUP_COUNT
        rows = None
        for chunk in np.unique(chunks):
            own = code_set.objects(int(chunk))
            if rows is None:
                rows = np.empty((per_class, *own.shape[1:]), own.dtype)
            rows[chunks == chunk] = own[groups[chunks == chunk] % CHUNK_GROUP_COUNT]
        stream = random_stream(code_set.seed, code_set.key, QUERIES, query_seed, group_class)
        codes.append(code_set.views(stream, rows, group_class, 1)[:, 0])
    stream = random_stream(
        code_set.seed, code_set.key, QUERIES, query_seed, code_set.group_class_count
    )
    codes.append(code_set.strangers(stream, per_class))
    classes = np.repeat(np.arange(code_set.group_class_count + 1, dtype=np.int32), per_class)
    return np.concatenate(codes), classes
