"""Exact answers in the total order (distance, row), and recall by distance."""

import hashlib
import os
from pathlib import Path

import numpy as np

from .codes import BenchError

HASH_BLOCK = 1 << 24


def content_hash(array):
    """A hash of shape and bytes of a C-ordered array, read in blocks."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(str((array.shape, array.dtype.str)).encode())
    rows = max(1, HASH_BLOCK // max(1, array[:1].nbytes))
    for first in range(0, len(array), rows):
        digest.update(np.ascontiguousarray(array[first : first + rows]))
    return digest.hexdigest()


def distances_to(base, query, block=65536):
    """Hamming distance of `query` to every row: the slow twin of every peer."""
    result = np.empty(len(base), np.uint16)
    words = np.ascontiguousarray(query).view(np.uint64)
    for first in range(0, len(base), block):
        rows = np.ascontiguousarray(base[first : first + block]).view(np.uint64)
        result[first : first + block] = np.bitwise_count(rows ^ words).sum(1, dtype=np.uint16)
    return result


def nearest_numpy(base, queries, k):
    distances = np.empty((len(queries), k), np.int32)
    rows = np.empty((len(queries), k), np.int64)
    for i, query in enumerate(queries):
        all_distances = distances_to(base, query)
        rows[i] = np.argsort(all_distances, kind="stable")[:k]
        distances[i] = all_distances[rows[i]]
    return distances, rows


def nearest_faiss(base, queries, k, index=None, margin=16):
    """The same through FAISS, which leaves the order of ties open.

    Asks for a few more than k. Where even the last of those ties with the k-th, some tied rows
    may be missing, so that query is asked again for everything within the distance.
    """
    if index is None:
        import faiss

        index = faiss.IndexBinaryFlat(base.shape[1] * 8)
        index.add(np.ascontiguousarray(base))
    asked = min(len(base), k + margin)
    found_distances, found_rows = index.search(np.ascontiguousarray(queries), asked)
    order = np.lexsort((found_rows, found_distances), axis=1)
    found_distances = np.take_along_axis(found_distances, order, 1)
    found_rows = np.take_along_axis(found_rows, order, 1)
    distances, rows = found_distances[:, :k].copy(), found_rows[:, :k].copy()
    if asked < len(base):
        for i in np.flatnonzero(found_distances[:, -1] == distances[:, -1]):
            radius = int(distances[i, -1]) + 1  # FAISS excludes the radius itself
            _, in_range, ids = index.range_search(np.ascontiguousarray(queries[i : i + 1]), radius)
            order = np.lexsort((ids, in_range))[:k]
            distances[i], rows[i] = in_range[order], ids[order]
    return distances.astype(np.int32), rows.astype(np.int64)


def checked_count(k, row_count):
    if not 1 <= k <= row_count:
        raise BenchError(f"--k: {k} is not in 1...{row_count}, the rows of the database")
    return k


def cached_path(folder, base_hash, query_hash, k):
    """Where the answers to these queries are kept: by content, whatever the files are called."""
    return Path(folder) / f"truth-{base_hash[:16]}-{query_hash[:16]}-k{k}.npz"


def save(path, distances, rows):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        np.savez(file, distances=distances.astype(np.int32), rows=rows.astype(np.int64))
    os.replace(partial, path)


def recall(found_distances, true_distances):
    """Share of the k places, query by query, filled by a code as near as the true k-th neighbour.

    By distance, because peers order ties differently: a neighbour tied with the k-th counts.
    `found_distances` is padded with anything above the code's bits where fewer were found.
    """
    limit = true_distances[:, -1:]
    return (found_distances <= limit).sum(1) / true_distances.shape[1]
