"""`run-all`: every run of `plan`, one after another, and the table of goals at the end."""

import argparse
import json
import shlex
import subprocess
import tempfile
import time
from pathlib import Path

from . import ours, plan, summary_command
from .codes import BenchError
from .console import run, say

TOOLS = Path(__file__).resolve().parent.parent


def parser():
    top = argparse.ArgumentParser(
        prog="run-all",
        description="Makes the code sets, runs every comparison and prints the goals with what was "
        "measured. Leave the machine alone meanwhile.",
    )
    top.add_argument("--out", help="folder of the reports (default: a new temporary one)")
    top.add_argument(
        "--sets",
        help="folder of the code sets and built peers, reused when there (default: OUT/sets)",
    )
    top.add_argument(
        "--real-codes", help="n x 512 uint8 .npy of real codes; without it the real set is left out"
    )
    top.add_argument(
        "--rows", type=int, default=1_000_000, help="codes in the planted and latent sets"
    )
    top.add_argument("--thumbprint", help="the binary (default: this checkout's release build)")
    top.add_argument("--only", help="names of the steps to run, others are left out: planted,real")
    top.add_argument(
        "--everything",
        action="store_true",
        help="also every peer at a tenth of the codes, and usearch and MultiHash on the latent set",
    )
    top.add_argument("--core", type=int, default=0)
    top.add_argument("--list", action="store_true", help="print the commands and run nothing")
    return top


def commit():
    done = subprocess.run(
        ["git", "-C", str(ours.REPOSITORY), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() or "unknown"


def chosen_steps(arguments):
    steps = plan.steps(arguments.rows, arguments.everything)
    if arguments.real_codes is None:
        steps = [step for step in steps if step.set != "real"]
    if arguments.only:
        names = arguments.only.split(",")
        unknown = sorted(set(names) - {step.name for step in steps})
        if unknown:
            raise BenchError(
                f"--only: no step '{unknown[0]}'; there are {', '.join(s.name for s in steps)}"
            )
        steps = [step for step in steps if step.name in names]
    return steps


def made(sets, name, words):
    """Whether the set is there and was made by the same command."""
    note = Path(sets) / f"{name}.command"
    return note.exists() and note.read_text() == shlex.join(words[1:])


def commands(arguments, out, sets):
    """What to run, as pairs of a plan and its words: the sets that are needed, and the steps."""
    steps = chosen_steps(arguments)
    needed = {step.set for step in steps}
    makes = [
        (one, one.command(TOOLS / "generate", sets))
        for one in plan.set_plans(arguments.rows, arguments.real_codes)
        if one.name in needed
    ]
    more = (sets / "cache", out, arguments.thumbprint, arguments.core)
    return makes, [(step, step.command(TOOLS / "peers", sets, *more)) for step in steps]


def make_sets(makes, sets):
    sets.mkdir(parents=True, exist_ok=True)
    for item, words in makes:
        if not made(sets, item.name, words):
            subprocess.run(words, check=True)
            (sets / f"{item.name}.command").write_text(shlex.join(words[1:]))


def run_step(step, words, out):
    """Runs one comparison; a report of an earlier run never stands for one that failed."""
    say(f"run-all: {step.name}, about {step.minutes:g} minutes")
    (out / f"{step.name}.json").unlink(missing_ok=True)
    start = time.monotonic()
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True)
    (out / f"{step.name}.md").write_text(done.stdout)
    return {
        "name": step.name,
        "command": shlex.join(words),
        "seconds": round(time.monotonic() - start, 1),
        "status": done.returncode,
    }


def perform(arguments, out):
    makes, runs = commands(arguments, out, Path(arguments.sets or out / "sets"))
    if ours.find(arguments.thumbprint) is None:
        raise BenchError("no thumbprint binary", "build it: swift build -c release")
    minutes = sum(item.minutes for item, _ in makes + runs)
    say(f"run-all: {len(runs)} runs, about {minutes:.0f} minutes at 1,000,000 codes, into {out}")
    out.mkdir(parents=True, exist_ok=True)
    make_sets(makes, Path(arguments.sets or out / "sets"))
    path = out / "manifest.json"
    earlier = json.loads(path.read_text())["steps"] if path.exists() else []
    again = {step.name for step, _ in runs}
    manifest = {
        "commit": commit(),
        "rows": arguments.rows,
        "steps": [step for step in earlier if step["name"] not in again],
    }
    for step, words in runs:
        manifest["steps"].append(run_step(step, words, out))
        path.write_text(json.dumps(manifest, indent=1) + "\n")
    print(summary_command.document(out))
    failed = [step["name"] for step in manifest["steps"] if step["status"] != 0]
    if failed:
        raise BenchError(f"failed and so without figures: {', '.join(failed)}")


def main(argv=None):
    arguments = parser().parse_args(argv)

    def command():
        if arguments.list:
            out = Path(arguments.out or "OUT")
            makes, runs = commands(arguments, out, Path(arguments.sets or out / "sets"))
            print("\n".join(shlex.join(words) for _, words in makes + runs))
            return
        try:
            perform(arguments, Path(arguments.out or tempfile.mkdtemp(prefix="thumbprint-bench-")))
        except subprocess.CalledProcessError as error:
            raise BenchError(f"{shlex.join(error.cmd)} ended with {error.returncode}") from None

    return run(command, "run-all")
