"""`summary`: the Markdown of BENCHMARKS.md from a folder of reports."""

import argparse
import json
from pathlib import Path

from . import goals, report
from .codes import BenchError
from .console import run

BEGIN = "<!-- figures: begin -->"
END = "<!-- figures: end -->"


def load(folder):
    folder = Path(folder)
    paths = sorted(path for path in folder.glob("*.json") if path.name != "manifest.json")
    if not paths:
        raise BenchError(f"{folder}: no reports", "run-all writes them")
    manifest = folder / "manifest.json"
    return (
        {path.stem: json.loads(path.read_text()) for path in paths},
        json.loads(manifest.read_text()) if manifest.exists() else {"steps": []},
    )


def machine_line(one):
    machine, versions = one["machine"], one["versions"]
    parts = [f"{machine.get('cpu', machine['architecture'])}, {machine['cores']} cores"]
    if "lastLevelCache" in machine:
        parts.append(f"{machine['lastLevelCache']} last-level cache")
    if "memoryGiB" in machine:
        parts.append(f"{machine['memoryGiB']} GiB")
    if machine.get("features"):
        parts.append(" ".join(machine["features"]))
    if "hugePages" in machine:
        parts.append(f"transparent huge pages: {machine['hugePages']}")
    return (
        "; ".join(parts) + ". " + ", ".join(f"{name} {of}" for name, of in versions.items()) + "."
    )


def document(folder):
    reports, manifest = load(folder)
    order = [step["name"] for step in manifest["steps"] if step["name"] in reports]
    order += [name for name in reports if name not in order]
    parts = [machine_line(reports[order[0]])]
    if "commit" in manifest:
        parts.append(
            f"Commit {manifest['commit']}, {manifest['rows']:,} codes in the synthetic sets."
        )
    failed = [step["name"] for step in manifest["steps"] if step["status"] != 0]
    if failed:
        parts.append(f"Failed and so without figures: {', '.join(failed)}.")
    parts += ["### Goals", goals.table(reports)]
    for name in order:
        parts += [f"### {name}", report.markdown(reports[name])]
    return "\n\n".join(parts)


def write_into(path, text):
    """Puts the text between the two marks of a Markdown file and leaves the rest as it is."""
    path = Path(path)
    before, first, rest = path.read_text().partition(BEGIN)
    _, last, after = rest.partition(END)
    if not (first and last):
        raise BenchError(f"{path}: no lines '{BEGIN}' and '{END}' to write between")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="summary",
        description="Prints the goals and all tables of a folder that run-all wrote.",
    )
    parser.add_argument("folder")
    parser.add_argument("--goals", action="store_true", help="the table of goals only")
    parser.add_argument(
        "--into", help="a Markdown file to write the figures into, as BENCHMARKS.md"
    )
    arguments = parser.parse_args(argv)

    def command():
        reports = load(arguments.folder)[0]
        text = goals.table(reports) if arguments.goals else document(arguments.folder)
        if arguments.into:
            write_into(arguments.into, text)
        else:
            print(text)

    return run(command, "summary")
