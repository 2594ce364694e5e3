"""Ratios, classes and tables of what `peers` measured."""

import numpy as np

from . import measure


def add_ratios(result, task):
    """Adds to every row its ratio to Flat of the same run, of all queries and of each class."""
    flat = result["flat"]
    for row in result["results"]:
        row["single"]["ratio"] = flat["medianMs"] / row["single"]["medianMs"]
        if row["batch"] is not None and "batch" in flat:
            row["batch"]["ratio"] = flat["batch"]["msPerQuery"] / row["batch"]["msPerQuery"]
        times = np.asarray(row["perQueryMs"])
        recalls = row["perQueryRecall"]
        row["classes"] = {}
        for number, name in task.asked_classes:
            chosen = task.classes == number
            of_class = measure.summary(times[chosen])
            of_class["ratio"] = flat["medianMs"] / of_class["medianMs"]
            of_class["recall"] = (
                None if recalls is None else float(np.mean(np.asarray(recalls)[chosen]))
            )
            row["classes"][name] = of_class


def fastest(rows, recall, class_name=None):
    """The fastest row of at least that measured recall, or None: a peer's time at equal recall."""

    def facts(row):
        return (
            row["classes"][class_name] if class_name else {**row["single"], "recall": row["recall"]}
        )

    good = [
        row for row in rows if facts(row)["recall"] is not None and facts(row)["recall"] >= recall
    ]
    return min(good, key=lambda row: facts(row)["medianMs"], default=None)


def milliseconds(value):
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 10 else f"{value:.1f}"


def ratio(value):
    return f"{value:.1f}x" if value < 20 else f"{value:.0f}x"


def share(value):
    """A recall; rounded down, so that 1.0000 is written only for all of them."""
    return "n/m" if value is None else f"{int(value * 1e4 + 1e-9) / 1e4:.4f}"


def table(headings, lines):
    rows = [headings, ["---"] * len(headings), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def flat_line(result):
    flat = result["flat"]
    text = (
        f"FAISS Flat {milliseconds(flat['medianMs'])} ms a query, "
        f"from {milliseconds(flat['lowMs'])} to {milliseconds(flat['highMs'])} "
        f"over {len(flat['slicesMs'])} measurements of this run"
    )
    if "batch" in flat:
        text += f"; {milliseconds(flat['batch']['msPerQuery'])} ms in a batch"
    busy = [row["busy"] for row in result["results"] if row["busy"] is not None]
    if busy:
        text += f". The measured thread had its core at least {min(busy):.0%} of the time"
    return text + "."


def main_table(result):
    headings = [
        "engine",
        "setting",
        "single ms",
        "x Flat",
        "p95 ms",
        "batch ms",
        "x Flat",
        "recall",
        "build CPU s",
        "bytes/code",
    ]
    lines = []
    for row in result["results"]:
        single, batch = row["single"], row["batch"] or {}
        lines.append(
            [
                row["peer"],
                row["setting"],
                milliseconds(single["medianMs"]),
                ratio(single["ratio"]),
                milliseconds(single["p95Ms"]),
                milliseconds(batch["msPerQuery"]) if "msPerQuery" in batch else "n/m",
                ratio(batch["ratio"]) if "ratio" in batch else "n/m",
                share(row["recall"]),
                f"{row['buildCPUSeconds']:.1f}",
                f"{row['indexBytesPerCode']:.0f}",
            ]
        )
    return table(headings, lines)


def class_table(result):
    """Milliseconds (ratio) recall of each class, or None when there is one class only."""
    names = list(result["results"][0]["classes"]) if result["results"] else []
    if len(names) < 2:
        return None
    lines = []
    for row in result["results"]:
        cells = [
            f"{milliseconds(of['medianMs'])} ({ratio(of['ratio'])}) {share(of['recall'])}"
            for of in row["classes"].values()
        ]
        lines.append([row["peer"], row["setting"], *cells])
    return table(["engine", "setting", *names], lines)


def markdown(result):
    title = (
        f"**{result['set']}**: {result['rows']:,} codes, {result['queryCount']} queries, "
        f"k = {result['k']}, {result['threads']} thread{'s' if result['threads'] > 1 else ''}"
    )
    parts = [title, flat_line(result)]
    if result["results"]:
        parts.append(main_table(result))
    classes = class_table(result)
    if classes:
        parts += ["Median ms (ratio to Flat) recall, by class of query:", classes]
    return "\n\n".join(parts)
