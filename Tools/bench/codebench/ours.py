"""`thumbprint bench search`, the program itself, run on the same arrays on the same core."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from .codes import BenchError

REPOSITORY = Path(__file__).resolve().parent.parent.parent.parent


def find(path=None):
    """The binary: `path` if given, this checkout's release build, the search path; or None."""
    if path is not None:
        if not os.access(path, os.X_OK):
            raise BenchError(f"--thumbprint: {path} is not an executable file")
        return str(path)
    built = REPOSITORY / ".build" / "release" / "thumbprint"
    return str(built) if os.access(built, os.X_OK) else shutil.which("thumbprint")


def command(
    binary,
    base,
    queries,
    k,
    promise,
    tables,
    threads=1,
    mode="both",
    evict=False,
    max_distance=None,
    repeat=None,
):
    words = [
        binary,
        "bench",
        "search",
        "--features",
        str(base),
        "--queries",
        str(queries),
        "-k",
        str(k),
        "--promise",
        promise,
        "--tables",
        str(tables),
        "--threads",
        str(threads),
        "--mode",
        mode,
        "--json",
    ]
    if evict:
        words.append("--evict")
    if max_distance is not None:
        words += ["--max-distance", str(max_distance)]
    if repeat is not None:
        words += ["--repeat", str(repeat)]
    return words


def run(words):
    """The JSON the program printed; a BenchError with its own error line when it fails."""
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        told = next((line for line in lines if "error" in line), lines[-1])
        raise BenchError(f"{' '.join(words[:3])} ended with {done.returncode}: {told}")
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise BenchError(f"{' '.join(words[:3])} printed no JSON: {error}") from None


def label(promise, tables, evict=False, max_distance=None):
    parts = [promise, f"m={tables}" if tables else "no tables"]
    if max_distance is not None:
        parts.append(f"max {max_distance}")
    if evict:
        parts.append("cold")
    return ", ".join(parts)
