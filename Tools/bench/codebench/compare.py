"""`peers`: every peer and this program on the same arrays, queries and core, in one run."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import indexes, measure, ours, report, truth
from .codes import BYTE_COUNT, BenchError, CodeFile, open_codes, random_stream
from .console import run, say

PEERS = ("flat", "ivf", "hnsw", "multihash", "usearch", "thumbprint")
QUERY_COUNT_MIN = 100  # below it a p95 says nothing
WARM_UP_COUNT = 10


def numbers(text):
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a list of numbers such as 8,16"
        ) from None


def words(text):
    return [word.strip() for word in text.split(",") if word.strip()]


def parser():
    top = argparse.ArgumentParser(
        prog="peers",
        description="Measures FAISS, usearch and thumbprint on the same arrays, in one run, "
        "pinned to the same core; prints a Markdown table with ratios to FAISS Flat.",
        epilog="examples:\n"
        "  peers --set sets/planted --peers flat,thumbprint --promise certified,recall=0.99\n"
        "  peers --set sets/latent --cache sets/cache --out latent.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    data = top.add_argument_group("what is searched")
    data.add_argument(
        "--set", help="PREFIX that `generate` wrote; the next three default to its files"
    )
    data.add_argument("--base", help="the database, n x 512 uint8")
    data.add_argument("--queries", help="q x 512 uint8")
    data.add_argument("--classes", help="class of each query; names come from the .json beside it")
    data.add_argument(
        "--select", type=words, help="names of the classes to ask, others are left out"
    )
    data.add_argument("--rows", type=int, help="only the first rows of the database")
    data.add_argument("-k", "--k", type=int, help="neighbours asked for (default: the set's own)")
    who = top.add_argument_group("who searches")
    who.add_argument("--peers", type=words, default=list(PEERS), help=f"of {','.join(PEERS)}")
    who.add_argument("--ivf-nlist", type=numbers, help="default by the number of rows")
    who.add_argument("--nprobe", type=numbers, default=[1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 128])
    who.add_argument(
        "--ef",
        type=numbers,
        default=[16, 32, 64, 96, 128, 192, 256, 384, 512, 1024],
        help="efSearch of HNSW, expansion of usearch",
    )
    who.add_argument("--links", type=int, default=16, help="M of HNSW, connectivity of usearch")
    who.add_argument("--ef-construction", type=int, help="of both graphs (default: each one's own)")
    who.add_argument("--multihash", type=numbers, default=[64, 16], help="tables,bits")
    who.add_argument("--nflip", type=numbers, default=[0], help="of MultiHash")
    who.add_argument("--thumbprint", help="the binary (default: this checkout's release build)")
    who.add_argument(
        "--promise", type=words, default=["certified"], help="certified,exact,recall=0.99"
    )
    who.add_argument("--tables", type=numbers, default=[128], help="0, 64, 128 hash tables")
    who.add_argument("--max-distance", type=int)
    who.add_argument(
        "--evict", action="store_true", help="caches evicted before each of our queries"
    )
    how = top.add_argument_group("how")
    how.add_argument("--no-batch", action="store_true", help="single queries only")
    how.add_argument("--threads", type=int, default=1)
    how.add_argument("--core", type=int, default=0, help="the first of the cores used")
    how.add_argument(
        "--repeat",
        type=int,
        default=1,
        help="passes over the queries; the median pass of each counts",
    )
    how.add_argument(
        "--flat-sample", type=int, default=25, help="queries in each measurement of Flat"
    )
    how.add_argument("--cache", help="keeps built indexes and exact answers here")
    how.add_argument("--out", help="the report as JSON")
    return top


@dataclass
class Task:
    """The arrays of one run, and files of the same rows for other programs."""

    name: str
    base: np.ndarray
    base_path: Path
    base_hash: str
    queries: np.ndarray
    query_path: Path
    classes: np.ndarray
    class_names: list
    k: int
    facts: dict
    true_distances: np.ndarray = None

    @property
    def asked_classes(self):
        return [(i, name) for i, name in enumerate(self.class_names) if (self.classes == i).any()]


def load_task(arguments, scratch):
    prefix = arguments.set
    if prefix is None and (arguments.base is None or arguments.queries is None):
        raise BenchError("--set: or --base and --queries must name the arrays")
    base_path = Path(arguments.base or f"{prefix}.base.npy")
    query_path = Path(arguments.queries or f"{prefix}.query.npy")
    base, queries = open_codes(base_path), np.asarray(open_codes(query_path))
    class_path = arguments.classes or (f"{prefix}.class.npy" if prefix else None)
    facts = facts_beside(class_path or str(query_path).replace(".query.npy", ".class.npy"))
    classes = np.zeros(len(queries), np.int32)
    names = ["all"]
    if class_path is not None:
        classes = np.load(class_path)
        if classes.shape != (len(queries),):
            raise BenchError(f"{class_path}: shape {classes.shape} for {len(queries)} queries")
        names = facts.get("classes") or [f"class {i}" for i in range(int(classes.max()) + 1)]
    k = arguments.k or facts.get("k", 10)
    if arguments.select:
        unknown = [name for name in arguments.select if name not in names]
        if unknown:
            raise BenchError(f"--select: no class '{unknown[0]}'; there are {', '.join(names)}")
        chosen = np.isin(classes, [names.index(name) for name in arguments.select])
        queries, classes = queries[chosen], classes[chosen]
        query_path = scratch / "selected.query.npy"
        np.save(query_path, queries)
    if arguments.rows is not None and arguments.rows != len(base):
        if not 1 <= arguments.rows <= len(base):
            raise BenchError(
                f"--rows: {arguments.rows} is not in 1...{len(base)}, the rows of {base_path}"
            )
        base_path = scratch / "first.base.npy"
        with CodeFile(base_path, arguments.rows) as file:
            file.write(0, base[: arguments.rows])
        base = open_codes(base_path)
    truth.checked_count(k, len(base))
    name = Path(prefix or base_path).name
    return Task(
        name,
        base,
        base_path,
        truth.content_hash(base),
        queries,
        query_path,
        classes,
        names,
        k,
        facts,
    )


def facts_beside(class_path):
    path = Path(str(class_path).replace(".class.npy", ".json"))
    return json.loads(path.read_text()) if path.suffix == ".json" and path.exists() else {}


def find_truth(task, cache):
    """Exact distances, found by another process so that its threads may use every core."""
    command = Path(__file__).resolve().parent.parent / "truth"
    path = truth.cached_path(cache, task.base_hash, truth.content_hash(task.queries), task.k)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                sys.executable,
                str(command),
                "--base",
                str(task.base_path),
                "--queries",
                str(task.query_path),
                "-k",
                str(task.k),
                "--out",
                str(path),
            ],
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": str(os.cpu_count())},
        )
    return np.load(path)["distances"]


class FlatClock:
    """Flat, asked a few queries again and again through the run: what all ratios divide.

    One number would hide what else the machine did meanwhile; the spread of these shows it.
    """

    def __init__(self, task, sample_count):
        self.peer = indexes.Flat()
        self.peer.build(task.base)
        count = min(sample_count, len(task.queries))
        sample = random_stream(1).permutation(len(task.queries))[:count]
        self.peer.prepare(task.queries[sample], task.k)
        self.count = count
        self.slices, self.batches = [], []
        self.peer.search_all()

    def tick(self, batch):
        times, _ = measure.time_single(self.peer.search, self.count)
        self.slices.append(float(np.median(times)))
        if batch:
            self.batches.append(measure.time_batch(self.peer.search_all, self.count))

    def facts(self):
        result = {
            "medianMs": float(np.median(self.slices)),
            "lowMs": min(self.slices),
            "highMs": max(self.slices),
            "slicesMs": self.slices,
        }
        if self.batches:
            result["batch"] = {"msPerQuery": float(np.median(self.batches))}
        return result


def row(peer, setting, build, single, batch, recalls, busy):
    return {
        "peer": peer,
        "setting": setting,
        "buildSeconds": build.wall_seconds,
        "buildCPUSeconds": build.cpu_seconds,
        "indexBytesPerCode": build.bytes_per_code,
        "buildFromCache": build.from_cache,
        "perQueryMs": [round(float(value), 6) for value in single],
        "perQueryRecall": None
        if recalls is None
        else [round(float(value), 6) for value in recalls],
        "single": measure.summary(single),
        "batch": batch,
        "recall": None if recalls is None else float(np.mean(recalls)),
        "busy": busy,
    }


def measure_index(peer, task, arguments, clock):
    """One row for every setting of a built peer."""
    folder = arguments.cache
    with ExitStack() as stack:
        if folder is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
        build = indexes.build_or_load(
            peer, task.base, task.base_hash, folder, arguments.cache is not None
        )
    rows = []
    for setting, choose in peer.settings():
        clock.tick(not arguments.no_batch)
        choose()
        strangers = random_stream(2).integers(0, 256, (WARM_UP_COUNT, BYTE_COUNT), dtype=np.uint8)
        peer.prepare(strangers, task.k)
        peer.search_all()
        peer.prepare(task.queries, task.k)
        single, busy = measure.time_single(peer.search, len(task.queries), arguments.repeat)
        recalls = truth.recall(peer.found(), task.true_distances)
        batch = None
        if not arguments.no_batch:
            batch = {"msPerQuery": measure.time_batch(peer.search_all, len(task.queries))}
        rows.append(row(peer.name, setting, build, single, batch, recalls, busy))
        say(
            f"peers: {peer.name} {setting}: {np.median(single):.4f} ms, "
            f"recall {np.mean(recalls):.4f}"
        )
    return rows


def measure_ours(task, arguments, clock):
    binary = ours.find(arguments.thumbprint)
    if binary is None:
        say("peers: no thumbprint binary, left out; build it with: swift build -c release")
        return []
    rows = []
    for tables in arguments.tables:
        for promise in arguments.promise:
            clock.tick(not arguments.no_batch)
            answer = ours.run(
                ours.command(
                    binary,
                    task.base_path,
                    task.query_path,
                    task.k,
                    promise,
                    tables,
                    arguments.threads,
                    "single" if arguments.no_batch else "both",
                    arguments.evict,
                    arguments.max_distance,
                    arguments.repeat if arguments.repeat > 1 else None,
                )
            )
            setting = ours.label(promise, tables, arguments.evict, arguments.max_distance)
            rows.append(our_row(answer, setting, task, promise, tables, arguments.evict))
            say(
                f"peers: thumbprint {setting}: {rows[-1]['single']['medianMs']:.4f} ms, "
                f"recall {rows[-1]['recall']}"
            )
    return rows


def our_row(answer, setting, task, promise, tables, evict):
    single = answer["single"]
    times = np.asarray(single["perQueryMs"], float)
    if len(times) != len(task.queries):
        raise BenchError(
            f"thumbprint bench search timed {len(times)} of {len(task.queries)} queries"
        )
    build = indexes.Build(
        answer["buildSeconds"], answer["buildCPUSeconds"], answer["indexBytesPerCode"]
    )
    result = row("thumbprint", setting, build, times, answer.get("batch"), None, None)
    result["recall"] = single.get("recall")
    result["perQueryRecall"] = single.get("perQueryRecall")
    if (
        result["perQueryRecall"] is None
        and len(task.asked_classes) == 1
        and single.get("recall") is not None
    ):
        result["perQueryRecall"] = [single["recall"]] * len(times)
    result["promise"], result["tables"], result["cold"] = promise, tables, evict
    result["candidates"] = single.get("candidates")
    result["checksum"] = answer.get("checksum")
    result["ownFlat"] = answer.get("flat")
    return result


def chosen_indexes(arguments, row_count):
    """What to build, smallest builds first."""
    list_counts = arguments.ivf_nlist or ([128, 256, 512] if row_count < 300_000 else [512, 1024])
    peers = []
    if "ivf" in arguments.peers:
        peers += [indexes.IVF(count, arguments.nprobe) for count in list_counts]
    if "multihash" in arguments.peers:
        peers.append(indexes.MultiHash(*arguments.multihash, arguments.nflip))
    if "hnsw" in arguments.peers:
        peers.append(indexes.HNSW(arguments.links, arguments.ef, arguments.ef_construction))
    if "usearch" in arguments.peers:
        peers.append(indexes.USearch(arguments.links, arguments.ef, arguments.ef_construction))
    return peers


def check(arguments):
    for name in ("repeat", "flat_sample", "links"):
        if getattr(arguments, name) < 1:
            option = name.replace("_", "-")
            raise BenchError(f"--{option}: {getattr(arguments, name)} is below 1")
    for name in ("nprobe", "ef", "ivf_nlist"):
        if min(getattr(arguments, name) or [1]) < 1:
            raise BenchError(
                f"--{name.replace('_', '-')}: {min(getattr(arguments, name))} is below 1"
            )
    if len(arguments.multihash) != 2:
        raise BenchError("--multihash: give two numbers, tables and bits, such as 64,16")
    unknown = [name for name in arguments.peers if name not in PEERS]
    if unknown:
        raise BenchError(f"--peers: no peer '{unknown[0]}'; there are {', '.join(PEERS)}")
    cores = os.cpu_count()
    if not (arguments.threads >= 1 and 0 <= arguments.core <= cores - arguments.threads):
        raise BenchError(
            f"--core: {arguments.core} with --threads {arguments.threads} "
            f"is not within the {cores} cores here"
        )


def compare(arguments):
    """The whole report as a dictionary."""
    check(arguments)
    with tempfile.TemporaryDirectory(prefix="peers-") as scratch:
        task = load_task(arguments, Path(scratch))
        if len(task.queries) < QUERY_COUNT_MIN:
            say(f"peers: only {len(task.queries)} queries; medians want {QUERY_COUNT_MIN}")
        task.true_distances = find_truth(task, arguments.cache or scratch)
        measure.pin(arguments.core, arguments.threads)
        indexes.use_threads(arguments.threads)
        clock = FlatClock(task, arguments.flat_sample)
        clock.tick(not arguments.no_batch)
        rows = measure_ours(task, arguments, clock) if "thumbprint" in arguments.peers else []
        for peer in chosen_indexes(arguments, len(task.base)):
            rows += measure_index(peer, task, arguments, clock)
            peer.index = None
        clock.tick(not arguments.no_batch)
    result = {
        "set": task.name,
        "facts": {key: value for key, value in task.facts.items() if key != "heldOutRows"},
        "rows": len(task.base),
        "queryCount": len(task.queries),
        "k": task.k,
        "threads": arguments.threads,
        "machine": measure.machine(),
        "versions": measure.package_versions(),
        "flat": clock.facts(),
        "results": rows,
    }
    report.add_ratios(result, task)
    return result


def main(argv=None):
    arguments = parser().parse_args(argv)

    def command():
        result = compare(arguments)
        if arguments.out:
            Path(arguments.out).write_text(json.dumps(result, indent=1) + "\n")
        print(report.markdown(result))

    return run(command, "peers")
