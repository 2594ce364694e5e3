"""Ratios, recall floors, goals: what the tables say follows from what was measured."""

import unittest

import numpy as np

from codebench import goals, plan, report
from codebench.compare import Task
from tests.support import report as make_report
from tests.support import row


class Tables(unittest.TestCase):
    def test_fastest_setting_of_a_recall(self):
        rows = [
            row(setting="a", ms=1, recall=0.9),
            row(setting="b", ms=3, recall=0.99),
            row(setting="c", ms=2, recall=0.995),
            row(setting="d", ms=0.5, recall=None),
        ]
        self.assertEqual(report.fastest(rows, 0.95)["setting"], "c")
        self.assertEqual(report.fastest(rows, 0.9)["setting"], "a")
        self.assertIsNone(report.fastest(rows, 0.999))

    def test_a_recall_below_one_is_never_written_as_one(self):
        self.assertEqual(report.share(0.99999), "0.9999")
        self.assertEqual(report.share(1.0), "1.0000")
        self.assertEqual(report.share(0.9885), "0.9885")
        self.assertEqual(report.share(None), "n/m")

    def test_ratios_by_class(self):
        one = make_report([row()])
        one["results"][0].update(perQueryMs=[1, 1, 4, 4], perQueryRecall=[1, 1, 0.5, 1])
        task = Task(
            "t", None, None, "", None, None, np.array([0, 0, 2, 2]), ["near", "mid", "far"], 4, {}
        )
        report.add_ratios(one, task)
        classes = one["results"][0]["classes"]
        self.assertEqual(list(classes), ["near", "far"])
        self.assertEqual((classes["near"]["ratio"], classes["far"]["ratio"]), (10, 2.5))
        self.assertEqual(classes["far"]["recall"], 0.75)
        text = report.markdown(one)
        self.assertIn("4.000 (2.5x) 0.7500", text)
        self.assertIn("from 9.000 to 11.0 over 3 measurements", text)


class Goals(unittest.TestCase):
    def reports(self, rows=1_000_000, **changes):
        """A report for every step of the plan, in which every goal is met."""
        found = {}
        for step in plan.steps(rows):
            words = dict(zip(step.arguments, step.arguments[1:]))
            tables = int(words.get("--tables", 128))
            results = [
                row(
                    setting=promise,
                    ms=0.01,
                    classes=plan.PLANTED_CLASSES,
                    promise=promise,
                    tables=tables,
                )
                for promise in words.get("--promise", "certified").split(",")
            ]
            for one in results:
                one["indexBytesPerCode"] = 4.25 * tables
            for peer in ("FAISS IVF512", "FAISS HNSW16", "usearch b1 M16"):
                results.append(row(peer, "fast", 0.1, 0.992, buildCPUSeconds=200))
            found[step.name] = make_report(results, step.rows or rows)
        return found

    def verdicts(self, reports):
        return {goal.line: met for goal, _, met in goals.judged(reports)}

    def test_every_goal_has_its_figure_in_the_plan(self):
        for goal, text, met in goals.judged(self.reports()):
            self.assertIs(met, True, f"{goal.line}: {text}")

    def test_without_runs_there_is_no_verdict(self):
        self.assertEqual(set(self.verdicts({}).values()), {None})

    def test_misses_are_seen(self):
        reports = self.reports()
        mine = reports["planted"]["results"]
        mine[0]["classes"]["f=0.05"]["ratio"] = 279
        mine[0]["recall"] = 0.999999
        mine[2]["recall"] = 0.94  # promised 0.95
        mine[0]["buildCPUSeconds"] = 8.1
        reports["latent"]["results"][-2]["single"]["medianMs"] = 0.016  # HNSW
        last = reports["growth-2000000"]["results"][0]["classes"]["f=0.02"]
        last["medianMs"] = 0.081
        missed = [line for line, met in self.verdicts(reports).items() if met is False]
        self.assertEqual(
            missed,
            [
                "planted, neighbours at 10 % or nearer, certified, queries never seen before",
                "recall wherever certified or exact",
                "latent set against HNSW at recall 0.985",
                "recall=x on other queries of the same kind",
                "latency of near duplicates from 1/100 to 2x the codes",
                "building, m = 128",
            ],
        )
        self.assertIn("**missed**", goals.table(reports))

    def test_the_recall_of_batches_counts_too(self):
        reports = self.reports()
        reports["exact-05"]["results"][0]["batch"]["recall"] = 0.9995
        self.assertIs(self.verdicts(reports)["recall wherever certified or exact"], False)
        self.assertIn("exact-05 exact 0.999500", goals.table(reports))

    def test_a_peer_that_never_reaches_the_recall_is_taken_at_its_best(self):
        reports = self.reports()
        mine = [
            one for one in reports["latent"]["results"] if not one["peer"].startswith("FAISS HNSW")
        ]
        slow = row("FAISS HNSW16", "ef=512", 0.9, 0.970)
        fast = row("FAISS HNSW16", "ef=256", 0.016, 0.966)
        rough = row("FAISS HNSW16", "ef=16", 0.001, 0.8)
        reports["latent"] = make_report([*mine, slow, fast, rough])
        line = "latent set against HNSW at recall 0.985"
        text, met = next((t, m) for goal, t, m in goals.judged(reports) if goal.line == line)
        self.assertIn(
            ": FAISS HNSW16 ef=256 (0.0160 ms @ 0.9660) never reaches 0.985: no ratio", text
        )
        self.assertIs(met, False)


class Plan(unittest.TestCase):
    def test_steps_have_names_of_their_own_and_known_sets(self):
        steps = plan.steps(1_000_000, everything=True)
        self.assertEqual(len({step.name for step in steps}), len(steps))
        self.assertLessEqual({step.set for step in steps}, set(plan.SETS))
        self.assertEqual({p.name for p in plan.set_plans(1000, "x.npy")}, set(plan.SETS))

    def test_a_command_names_set_report_and_rows(self):
        step = next(step for step in plan.steps(1_000_000) if step.name == "growth-10000")
        words = step.command("peers", "sets", "cache", "out", "bin/thumbprint")
        self.assertEqual(words[:3], ["peers", "--set", "sets/growth"])
        for pair in (
            ("--rows", "10000"),
            ("--out", "out/growth-10000.json"),
            ("--thumbprint", "bin/thumbprint"),
        ):
            self.assertEqual(words[words.index(pair[0]) + 1], pair[1])


if __name__ == "__main__":
    unittest.main()
