"""A whole comparison on tiny data: NumPy in place of FAISS, a script in place of the program."""

import contextlib
import io
import json
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from codebench import compare, generate, indexes, ours, run_all, summary_command, truth
from codebench.codes import BenchError
from tests.support import FullScan, report, row, stand_in


class Compare(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.prefix = self.folder / "s"
        with contextlib.redirect_stderr(io.StringIO()):
            generate.main(
                [
                    "planted",
                    str(self.prefix),
                    "--rows",
                    "400",
                    "--per-class",
                    "4",
                    "--processes",
                    "1",
                ]
            )
        self.errors = io.StringIO()
        for patch in (
            mock.patch.object(indexes, "Flat", FullScan),
            mock.patch.object(indexes, "use_threads"),
            mock.patch.object(compare.measure, "pin"),
            mock.patch.object(compare, "chosen_indexes", lambda arguments, rows: [FullScan()]),
            mock.patch.object(
                compare,
                "find_truth",
                lambda task, cache: truth.nearest_numpy(task.base, task.queries, task.k)[0],
            ),
            contextlib.redirect_stderr(self.errors),
        ):
            patch.__enter__()
            self.addCleanup(patch.__exit__, None, None, None)

    def compare(self, *words):
        arguments = compare.parser().parse_args(
            ["--set", str(self.prefix), "--flat-sample", "3", *words]
        )
        return compare.compare(arguments)

    def test_report(self):
        binary = stand_in(self.folder)
        one = self.compare(
            "--thumbprint", str(binary), "--promise", "certified,recall=0.9", "--tables", "0,128"
        )
        self.assertEqual(
            [row["peer"] for row in one["results"]], ["thumbprint"] * 4 + ["Full scan"]
        )
        self.assertEqual(one["results"][1]["setting"], "recall=0.9, no tables")
        self.assertEqual((one["rows"], one["queryCount"], one["k"]), (400, 24, 4))
        scan = one["results"][-1]
        self.assertEqual(scan["recall"], 1)
        self.assertEqual(len(scan["classes"]), 6)
        self.assertAlmostEqual(scan["indexBytesPerCode"], 128 / 400)  # the header of the file
        self.assertEqual(len(one["flat"]["slicesMs"]), 7)  # before every setting, at both ends
        json.dumps(one)

    def test_selected_classes_and_first_rows(self):
        one = self.compare("--select", "f=0.02,far", "--rows", "100", "--peers", "flat,ivf")
        self.assertEqual((one["rows"], one["queryCount"]), (100, 8))
        self.assertEqual(list(one["results"][0]["classes"]), ["f=0.02", "far"])

    def test_built_peers_are_kept_with_what_they_cost(self):
        cache = self.folder / "cache"
        first = self.compare("--peers", "flat,ivf", "--cache", str(cache))["results"][0]
        again = self.compare("--peers", "flat,ivf", "--cache", str(cache))["results"][0]
        self.assertEqual((first["buildFromCache"], again["buildFromCache"]), (False, True))
        self.assertEqual(first["buildCPUSeconds"], again["buildCPUSeconds"])

    def test_no_binary_is_one_line(self):
        with mock.patch.object(ours, "find", lambda path: None):
            one = self.compare("--peers", "flat,thumbprint")
        self.assertEqual([row["peer"] for row in one["results"]], ["Full scan"])
        self.assertIn("no thumbprint binary, left out", self.errors.getvalue())

    def test_bad_input(self):
        cases = [
            (("--select", "f=0.3"), "--select: no class 'f=0.3'"),
            (("--peers", "annoy"), "--peers: no peer 'annoy'"),
            (("--rows", "401"), "--rows: 401 is not in 1...400"),
            (("-k", "401"), "--k: 401 is not in 1...400"),
            (("--nprobe", "4,0"), "--nprobe: 0 is below 1"),
            (("--multihash", "64"), "--multihash: give two numbers"),
            (("--core", "100000"), "--core: 100000"),
            (("--thumbprint", str(self.folder / "none")), "is not an executable file"),
        ]
        for words, line in cases:
            with self.assertRaisesRegex(BenchError, line.replace("(", r"\(")):
                self.compare(*words)


class Ours(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_the_command_line(self):
        words = ours.command(
            "t",
            "b.npy",
            "q.npy",
            4,
            "recall=0.9",
            64,
            threads=2,
            mode="single",
            evict=True,
            max_distance=900,
            repeat=3,
        )
        self.assertEqual(
            " ".join(words),
            "t bench search --features b.npy --queries q.npy -k 4 --promise recall=0.9 --tables 64 "
            "--threads 2 --mode single --json --evict --max-distance 900 --repeat 3",
        )

    def test_failures_are_told(self):
        failing = stand_in(
            self.folder,
            """
            import sys
            print("thumbprint: error: --k: 0 is below 1", file=sys.stderr)
            sys.exit(64)
        """,
        )
        with self.assertRaisesRegex(BenchError, "ended with 64: thumbprint: error: --k: 0"):
            ours.run([str(failing), "bench", "search"])
        silent = stand_in(self.folder, "print('done')")
        with self.assertRaisesRegex(BenchError, "printed no JSON"):
            ours.run([str(silent), "bench", "search"])


def failed_run(words, **options):
    return subprocess.CompletedProcess(words, 70, stdout="", stderr="")


class RunAll(unittest.TestCase):
    def test_the_list_names_every_step_and_runs_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                status = run_all.main(
                    ["--list", "--out", folder, "--real-codes", "c.npy", "--everything"]
                )
            self.assertEqual(status, 0)
            self.assertEqual(list(Path(folder).iterdir()), [])
            lines = out.getvalue().splitlines()
            self.assertEqual(len([line for line in lines if "/generate " in line]), 4)
            self.assertGreater(len([line for line in lines if "/peers " in line]), 15)

    def test_a_failed_step_leaves_no_report_and_is_named(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(run_all, "make_sets"):
            out = Path(folder)
            (out / "far.json").write_text("{}")
            (out / "real.json").write_text(json.dumps(report([row(promise="exact", tables=0)])))
            errors = io.StringIO()
            with (
                mock.patch.object(run_all.subprocess, "run", failed_run),
                contextlib.redirect_stderr(errors),
                contextlib.redirect_stdout(io.StringIO()) as text,
            ):
                binary = str(stand_in(folder))
                words = ["--out", folder, "--only", "far", "--thumbprint", binary]
                self.assertEqual(run_all.main(words), 65)
            self.assertFalse((out / "far.json").exists())
            self.assertIn("without figures: far", errors.getvalue())
            self.assertIn("step far did not run", text.getvalue())
            manifest = json.loads((out / "manifest.json").read_text())
            self.assertEqual([(s["name"], s["status"]) for s in manifest["steps"]], [("far", 70)])

    def test_figures_are_written_between_the_marks(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "real.json").write_text(
                json.dumps(report([row(promise="exact", tables=0)]))
            )
            page = Path(folder) / "page.md"
            page.write_text(
                "before\n<!-- figures: begin -->\noutdated\n<!-- figures: end -->\nafter\n"
            )
            self.assertEqual(summary_command.main([folder, "--goals", "--into", str(page)]), 0)
            text = page.read_text()
            self.assertTrue(text.startswith("before\n") and text.endswith("\nafter\n"))
            self.assertIn("| what | asked | measured |", text)
            self.assertNotIn("outdated", text)
            page.write_text("no marks")
            with contextlib.redirect_stderr(io.StringIO()) as errors:
                self.assertEqual(summary_command.main([folder, "--into", str(page)]), 65)
            self.assertIn("to write between", errors.getvalue())

    def test_an_unknown_step_is_refused(self):
        errors = io.StringIO()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(errors):
            self.assertEqual(run_all.main(["--out", folder, "--only", "nothing"]), 65)
        self.assertIn("--only: no step 'nothing'", errors.getvalue())

    def test_a_summary_needs_reports(self):
        errors = io.StringIO()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(errors):
            self.assertEqual(summary_command.main([folder]), 65)
        self.assertIn("no reports", errors.getvalue())


if __name__ == "__main__":
    unittest.main()
