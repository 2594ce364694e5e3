"""`truth`: writes the exact answers to a file of two arrays, `distances` and `rows`."""

import argparse
import time

from . import truth
from .codes import open_codes
from .console import run, say


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="truth",
        description="Writes the k nearest rows of every query, ties by row, as an .npz of "
        "distances and rows (q x k).",
    )
    parser.add_argument("--base", required=True)
    parser.add_argument("--queries", required=True)
    parser.add_argument("--k", "-k", type=int, required=True)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args(argv)

    def command():
        start = time.monotonic()
        base, queries = open_codes(arguments.base), open_codes(arguments.queries)
        k = truth.checked_count(arguments.k, len(base))
        distances, rows = truth.nearest_faiss(base, queries, k)
        truth.save(arguments.out, distances, rows)
        say(f"truth: {arguments.out}, {len(queries)} queries in {time.monotonic() - start:.1f} s")

    return run(command, "truth")
