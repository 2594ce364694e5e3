"""The time of single queries and of batches, against a cluster that runs."""

from __future__ import annotations

import argparse
import contextlib
import platform
import sys
import time

import numpy as np
from numpy.typing import NDArray

from tests.support import feature_codes
from thumbprint import Client, errors

NAME = "python-bench"


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7700)
    parser.add_argument("--rows", type=int, default=20_000, help="random codes to load")
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("-k", type=int, default=4)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--replicas", type=int, help="default: as many as the cluster likes")
    parser.add_argument("--seed", type=int, default=1)
    terms = parser.parse_args()
    try:
        with Client(terms.host, terms.port) as client:
            try:
                run(client, terms)
            finally:
                with contextlib.suppress(errors.NotFoundError):
                    client.drop_collection(NAME)
    except errors.ThumbprintError as cause:
        sys.exit(f"bench: error: {cause}")


def flips(source: np.random.Generator, count: int) -> NDArray[np.uint8]:
    return np.packbits(source.random((count, 4096), dtype=np.float32) < 0.05, axis=1)


def run(client: Client, terms: argparse.Namespace) -> None:
    # Objects with four codes each, which differ from the object in a twentieth of their bits, as
    # queries do: so a query has four neighbours near, and everything else far.
    source = np.random.default_rng(terms.seed + 1)
    objects = feature_codes((terms.rows + 3) // 4, terms.seed)
    codes = np.repeat(objects, 4, axis=0)[: terms.rows]
    for first in range(0, len(codes), 1_000):
        part = codes[first : first + 1_000]
        part ^= flips(source, len(part))
    chosen = source.integers(0, terms.rows // 4, terms.queries)
    queries = objects[chosen] ^ flips(source, terms.queries)

    collection = client.create_collection(
        NAME, shard_count=terms.shards, replication_factor=terms.replicas
    )
    start = time.perf_counter()
    collection.load(codes)
    load_seconds = time.perf_counter() - start

    pings = [client.ping() for _ in range(200)]
    seconds = np.zeros(terms.queries)
    right = 0
    for i, query in enumerate(queries):
        start = time.perf_counter()
        _, ids = collection.search(query, terms.k)
        seconds[i] = time.perf_counter() - start
        right += int(ids[0] // 4 == chosen[i])
    start = time.perf_counter()
    _, ids = collection.search(queries, terms.k)
    batch_seconds = time.perf_counter() - start

    microseconds = np.percentile(seconds, (50, 95)) * 1e6
    print(f"python {platform.python_version()}, numpy {np.__version__}, seed {terms.seed}")
    print(f"loaded {terms.rows} codes: {terms.rows / load_seconds:.0f} a second")
    print(f"ping: median {np.median(pings) * 1e6:.0f} µs")
    print(
        f"single queries, k = {terms.k}: median {microseconds[0]:.0f} µs, "
        f"95th percentile {microseconds[1]:.0f} µs; {right} of {terms.queries} found first"
    )
    print(f"one batch of {terms.queries}: {terms.queries / batch_seconds:.0f} queries a second")


if __name__ == "__main__":
    main()
