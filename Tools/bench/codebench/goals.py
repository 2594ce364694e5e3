"""What the search has to show, each held against the reports of the runs in `plan`.

A judge takes the reports by name of step and returns what was measured, as text, and whether that
meets the goal; it raises `Absent` when a report lacks what it needs.
"""

from dataclasses import dataclass
from typing import Callable

from . import plan, report

CODE_BYTE_COUNT = 512
NEARLY = 0.005  # of recall: a little below its best a peer may be much faster
NEAR = ("f=0.02", "f=0.05")  # neighbours at 10 % of the bits and below


class Absent(Exception):
    """No figure: the step did not run, or ran without this peer."""


@dataclass(frozen=True)
class Goal:
    line: str
    asked: str
    judge: Callable


def our_row(reports, step, promise="certified", tables=128):
    if step not in reports:
        raise Absent(f"step {step} did not run")
    for row in reports[step]["results"]:
        if row["peer"] == "thumbprint" and (row["promise"], row["tables"]) == (promise, tables):
            return row
    raise Absent(f"step {step} has no thumbprint {promise}, m={tables}")


def peer_rows(reports, step, name):
    if step not in reports:
        raise Absent(f"step {step} did not run")
    rows = [row for row in reports[step]["results"] if row["peer"].startswith(name)]
    if not rows:
        raise Absent(f"step {step} has no {name}")
    return rows


def at_least(values, bound, unit="x"):
    """Text and verdict for several named values that must all reach `bound`."""
    text = ", ".join(
        f"{name} {value:.3g}{unit}" if name else f"{value:.3g}{unit}" for name, value in values
    )
    return text, all(value >= bound for _, value in values)


def class_ratios(step, classes, bound, promise="certified", tables=128):
    def judge(reports):
        row = our_row(reports, step, promise, tables)
        return at_least([(name, row["classes"][name]["ratio"]) for name in classes], bound)

    return judge


def single_ratio(step, bound, promise="certified", tables=128):
    def judge(reports):
        return at_least([("", our_row(reports, step, promise, tables)["single"]["ratio"])], bound)

    return judge


def batch_ratios(steps, bound, promise, tables=0):
    def judge(reports):
        return at_least(
            [(step, our_row(reports, step, promise, tables)["batch"]["ratio"]) for step in steps],
            bound,
        )

    return judge


def certified_recall(reports):
    rows = [
        (step, row)
        for step, one in reports.items()
        for row in one["results"]
        if row["peer"] == "thumbprint" and row["promise"] in ("certified", "exact")
    ]
    if not rows:
        raise Absent("no certified run")
    short = [
        f"{step} {row['setting']} {lowest_recall(row):.6f}"
        for step, row in rows
        if lowest_recall(row) != 1
    ]
    return (", ".join(short) if short else f"1.000 in all {len(rows)} runs"), not short


def lowest_recall(row):
    """Of single queries and of batches, where there were any."""
    return min(row["recall"], (row["batch"] or {}).get("recall", 1))


def delivered_recall(reports):
    rows = [
        (step, row)
        for step in ("planted", "latent", "real", "far")
        for row in reports.get(step, {"results": []})["results"]
        if row["peer"] == "thumbprint" and row["promise"].startswith("recall=")
    ]
    if not rows:
        raise Absent("no run with a recall promise")
    text = ", ".join(
        f"{step} {row['promise'].split('=')[1]}: {report.share(lowest_recall(row))}"
        for step, row in rows
    )
    return text, all(lowest_recall(row) >= float(row["promise"].split("=")[1]) for _, row in rows)


def at_recall(row):
    return f"{report.milliseconds(row['single']['medianMs'])} ms @ {report.share(row['recall'])}"


def against_peers(step, names, bound, recall, promise=None):
    """Our fastest setting of the recall against the fastest setting of the peers at that recall."""

    def judge(reports):
        mine = peer_rows(reports, step, "thumbprint")
        if promise is not None:
            mine = [row for row in mine if row["promise"] == promise]
            if not mine:
                raise Absent(f"step {step} has no thumbprint {promise}")
        best = report.fastest(mine, recall)
        if best is None:
            return f"no setting of ours reaches recall {recall}", False
        values, shown = [], []
        for name in names:
            rows = peer_rows(reports, step, name)
            highest = max(row["recall"] for row in rows)
            # A peer that never gets there is judged by what it can do, which is in its favour; but
            # times at two recalls make no ratio that could be shown.
            peer = report.fastest(rows, recall if highest >= recall else highest - NEARLY)
            ratio = peer["single"]["medianMs"] / best["single"]["medianMs"]
            values.append(ratio)
            told = f"{peer['peer']} {peer['setting']} ({at_recall(peer)})"
            shown.append(
                f"{ratio:.2f}x {told}"
                if highest >= recall
                else f"{told} never reaches {recall}: no ratio"
            )
        own = f"{best['setting']}, {at_recall(best)}"
        return f"{own}: " + ", ".join(shown), all(value >= bound for value in values)

    return judge


def build_against_hnsw(reports):
    peer = peer_rows(reports, "latent", "FAISS HNSW")[0]["buildCPUSeconds"]
    own = our_row(reports, "latent")["buildCPUSeconds"]
    return f"{peer:.0f} s / {own:.1f} s = {peer / own:.0f}x", peer >= 30 * own


def growth(reports):
    steps = sorted(
        (one["rows"], name) for name, one in reports.items() if name.startswith("growth-")
    )
    if len(steps) < 2:
        raise Absent("growth needs two sizes")
    first, last = (our_row(reports, name) for _, name in (steps[0], steps[-1]))
    values = [
        (name, last["classes"][name]["medianMs"] / first["classes"][name]["medianMs"])
        for name in NEAR
    ]
    text = ", ".join(f"{name} {value:.1f}x" for name, value in values)
    return f"{steps[0][0]:,} to {steps[-1][0]:,} codes: {text}", all(
        value <= 8 for _, value in values
    )


def index_bytes(step, tables, share):
    def judge(reports):
        own = our_row(reports, step, tables=tables)["indexBytesPerCode"]
        return (
            f"{own:.0f} bytes, {own / CODE_BYTE_COUNT:.2f} of the code",
            own <= share * CODE_BYTE_COUNT,
        )

    return judge


def build_seconds(reports):
    row = our_row(reports, "planted")
    seconds = row["buildCPUSeconds"] * 1e6 / reports["planted"]["rows"]
    return f"{seconds:.1f} CPU s per million codes", seconds <= 8


def far_single(reports):
    values = [
        (promise, our_row(reports, "far", promise)["single"]["ratio"])
        for promise in ("certified", "exact", "recall=0.99")
    ]
    return at_least(values, 1 / 1.1)


EXACT_STEPS = [plan.exact_step(name) for name in plan.PLANTED_CLASSES]

GOALS = (
    Goal(
        "planted, neighbours at 10 % or nearer, certified, queries never seen before",
        ">= 280x Flat",
        class_ratios("planted", NEAR, 280),
    ),
    Goal(
        "the same with caches evicted before each query",
        ">= 120x Flat",
        class_ratios("planted-cold", NEAR, 120),
    ),
    Goal("planted at 18 %, certified", ">= 20x Flat", class_ratios("planted", ("f=0.10",), 20)),
    Goal(
        "planted at 18 %, recall=0.99",
        ">= 180x Flat",
        class_ratios("planted", ("f=0.10",), 180, "recall=0.99"),
    ),
    Goal("recall wherever certified or exact", "1.000", certified_recall),
    Goal(
        "sketch scan alone, certified, single, at 18 % or nearer",
        ">= 20x Flat",
        class_ratios("sketch-near", (*NEAR, "f=0.10"), 20, tables=0),
    ),
    Goal(
        "sketch scan alone, certified, single, at 26 %",
        ">= 14x Flat",
        class_ratios("sketch-26", ("f=0.15",), 14, tables=0),
    ),
    Goal(
        "sketch scan alone, certified, in batches, at 26 % or nearer",
        ">= 28x Flat",
        batch_ratios(("sketch-near", "sketch-26"), 28, "certified"),
    ),
    Goal(
        "sketch scan alone, certified, single, latent set",
        ">= 10x Flat",
        single_ratio("sketch-latent", 10, tables=0),
    ),
    Goal("real codes, recall=0.99", ">= 9x Flat", single_ratio("real", 9, "recall=0.99")),
    Goal(
        "real codes, recall=0.99, against usearch and IVF at equal recall",
        ">= 2x the better",
        against_peers("real", ("usearch", "FAISS IVF"), 2, 0.99, "recall=0.99"),
    ),
    Goal("real codes, certified", ">= 2.5x Flat", single_ratio("real", 2.5)),
    Goal("far queries, single, every promise", ">= 1/1.1 of Flat", far_single),
    Goal(
        "exact, in batches, at every distance",
        ">= 4.5x Flat",
        batch_ratios(EXACT_STEPS, 4.5, "exact"),
    ),
    Goal(
        "latent set against HNSW at recall 0.985",
        ">= 1.7x HNSW",
        against_peers("latent", ("FAISS HNSW",), 1.7, 0.985),
    ),
    Goal(
        "latent set against IVF at recall 0.985",
        ">= 3x IVF",
        against_peers("latent", ("FAISS IVF",), 3, 0.985),
    ),
    Goal("latent set, building against HNSW, CPU seconds", ">= 30x", build_against_hnsw),
    Goal(
        "recall=x on other queries of the same kind", ">= x for 0.9, 0.95, 0.99", delivered_recall
    ),
    Goal("latency of near duplicates from 1/100 to 2x the codes", "<= 8x", growth),
    Goal("index bytes, m = 128", "<= 1.1 of the code", index_bytes("planted", 128, 1.1)),
    Goal("index bytes, m = 64", "<= 0.55 of the code", index_bytes("planted-small", 64, 0.55)),
    Goal("building, m = 128", "<= 8 CPU s per million", build_seconds),
)


def judged(reports):
    """Goal, measured text and verdict (None when there is no figure) of every goal."""
    result = []
    for goal in GOALS:
        try:
            text, met = goal.judge(reports)
        except Absent as reason:
            text, met = str(reason), None
        result.append((goal, text, met))
    return result


def table(reports):
    verdicts = {True: "met", False: "**missed**", None: "no figure"}
    lines = [[goal.line, goal.asked, text, verdicts[met]] for goal, text, met in judged(reports)]
    return report.table(["what", "asked", "measured", ""], lines)
