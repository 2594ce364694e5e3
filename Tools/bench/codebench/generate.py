"""`generate`: writes PREFIX.base.npy, PREFIX.query.npy, PREFIX.class.npy and PREFIX.json."""

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from . import sets
from .codes import BenchError, CodeFile, open_codes, random_stream
from .console import Progress, run, say

HELD_OUT_KEY = 3
COPY_BLOCK = 65536


def parser():
    top = argparse.ArgumentParser(
        prog="generate",
        description="Makes a code set: PREFIX.base.npy, .query.npy, .class.npy and .json.",
        epilog="examples:\n"
        "  generate planted sets/planted1m --rows 1000000\n"
        "  generate planted sets/planted1m --rows 1000000 --query-seed 1 --queries-only "
        "--query-prefix sets/tuning\n"
        "  generate real sets/real --codes features.npy --hold-out 200",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = top.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind, code_set in sets.KINDS.items():
        one = kinds.add_parser(kind, help=code_set.__doc__.splitlines()[0])
        one.add_argument("prefix")
        one.add_argument("--rows", "--n", type=int, default=1_000_000, help="codes in the database")
        one.add_argument("--per-class", type=int, default=200, help="queries of each class")
        one.add_argument(
            "--query-rows", type=int, help="queries ask for groups of the first N rows only"
        )
        one.add_argument("--queries-only", action="store_true", help="leave the database as it is")
        one.add_argument("--processes", type=int, default=os.cpu_count())
        add_common(one)
    real = kinds.add_parser("real", help="Rows of a .npy of codes, some held out as queries.")
    real.add_argument("prefix")
    real.add_argument("--codes", required=True, help="n x 512 uint8")
    real.add_argument("--hold-out", type=int, default=200, help="rows that become queries")
    add_common(real)
    return top


def add_common(one):
    one.add_argument("--seed", type=int, default=1)
    one.add_argument(
        "--query-seed", type=int, default=0, help="another number, other queries: 0, 1, ..."
    )
    one.add_argument(
        "--query-prefix", help="where queries, classes and their JSON go (default: PREFIX)"
    )


def checked(arguments):
    for name in ("rows", "per_class", "hold_out", "processes", "query_rows"):
        value = getattr(arguments, name, None)
        if value is not None and value < 1:
            raise BenchError(f"--{name.replace('_', '-')}: {value} is below 1")
    for name in ("seed", "query_seed"):
        value = getattr(arguments, name)
        if value < 0:
            raise BenchError(f"--{name.replace('_', '-')}: {value} is below 0")
    return arguments


def write_chunk(job):
    code_set, chunk, file, row_count = job
    first = chunk * sets.chunk_row_count()
    rows = min(sets.chunk_row_count(), row_count - first)
    file.write(first, sets.chunk_codes(code_set, chunk)[:rows])
    return rows


def write_base(code_set, path, row_count, process_count):
    chunk_count = -(-row_count // sets.chunk_row_count())
    progress = Progress("generate", row_count, "codes")
    done = 0
    with CodeFile(path, row_count) as file:
        jobs = ((code_set, chunk, file, row_count) for chunk in range(chunk_count))
        with ProcessPoolExecutor(process_count) as pool:
            for rows in pool.map(write_chunk, jobs):
                done += rows
                progress.show(done)


def write_queries(prefix, codes, classes, facts):
    np.save(f"{prefix}.query.npy", codes)
    np.save(f"{prefix}.class.npy", classes)
    with open(f"{prefix}.json", "w") as file:
        json.dump(facts, file, indent=2)
        file.write("\n")


def synthetic(arguments):
    code_set = sets.KINDS[arguments.kind](arguments.seed)
    query_rows = arguments.query_rows or arguments.rows
    if query_rows > arguments.rows:
        raise BenchError(
            f"--query-rows: {query_rows} is above {arguments.rows}, the rows of the set"
        )
    codes, classes = sets.queries(code_set, arguments.per_class, arguments.query_seed, query_rows)
    if not arguments.queries_only:
        write_base(code_set, f"{arguments.prefix}.base.npy", arguments.rows, arguments.processes)
    facts = {
        "kind": arguments.kind,
        "n": arguments.rows,
        "seed": arguments.seed,
        "classes": code_set.class_names,
        "k": code_set.neighbour_count,
        "groupSize": sets.GROUP_SIZE,
        "queriesPerClass": arguments.per_class,
        "querySeed": arguments.query_seed,
        "queryRows": query_rows,
    }
    write_queries(arguments.query_prefix or arguments.prefix, codes, classes, facts)


def real(arguments):
    codes = open_codes(arguments.codes)
    if arguments.hold_out * (arguments.query_seed + 1) >= len(codes):
        raise BenchError(
            f"--hold-out: {arguments.hold_out} rows with --query-seed {arguments.query_seed} "
            f"leave nothing of {len(codes)} rows"
        )
    order = random_stream(arguments.seed, HELD_OUT_KEY).permutation(len(codes))
    first = arguments.query_seed * arguments.hold_out
    held_out = np.sort(order[first : first + arguments.hold_out])
    kept = np.ones(len(codes), bool)
    kept[held_out] = False
    rows = np.flatnonzero(kept)
    with CodeFile(f"{arguments.prefix}.base.npy", len(rows)) as file:
        for start in range(0, len(rows), COPY_BLOCK):
            file.write(start, codes[rows[start : start + COPY_BLOCK]])
    facts = {
        "kind": "real",
        "n": len(rows),
        "seed": arguments.seed,
        "classes": ["held out"],
        "k": 10,
        "source": os.path.basename(arguments.codes),
        "querySeed": arguments.query_seed,
        "heldOutRows": held_out.tolist(),
    }
    classes = np.zeros(len(held_out), np.int32)
    write_queries(
        arguments.query_prefix or arguments.prefix, np.asarray(codes[held_out]), classes, facts
    )


def main(argv=None):
    arguments = parser().parse_args(argv)

    def command():
        start = time.monotonic()
        checked(arguments)
        real(arguments) if arguments.kind == "real" else synthetic(arguments)
        say(f"generate: {arguments.prefix} in {time.monotonic() - start:.1f} s")

    return run(command, "generate")
