"""benchmarks/report: reading the programs' output, judging targets, writing the page. No benchmark runs."""

import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))
from reporting import pages, runs, targets  # noqa: E402

OUTPUT = """{"name": "gemm/plain/256x256x256", "threads": 2, "flops": 33554432, "rounds": 5, "limn:us": 100, "limn:error": 1e-7, \
"onednn:us": 90, "onednn:ratio": 0.9, "onednn.direct+nchw:us": 300, "onednn.direct+nchw:ratio": 3.0}
{"name": "gemm/plain/512x512x512", "thr"""


def store(ratio=1.5, us=100.0, flops=1e7, **more):
    case = {"us": {"limn": us, "onednn": us * ratio}, "ratio": {"onednn": ratio}, "error": {"limn": 1e-7, "onednn": 2e-7},
            "flops": flops, "date": "2026-01-01", "commit": "abc", **more}
    return {"machine": {}, "limits": {"1": {"gflops": 100.0, "gflops_avx2": 100.0, "read_gbs": 30.0, "ghz": 4.0}},
            "cases": {"1": {"gemm/plain/256x256x256": case}}}


class Parsing(unittest.TestCase):
    def test_contenders_are_split_at_the_last_colon_and_a_line_cut_short_is_left_out(self):
        found = runs.parse(OUTPUT)
        self.assertEqual(list(found), ["2"])
        self.assertEqual(list(found["2"]), ["gemm/plain/256x256x256"])
        case = found["2"]["gemm/plain/256x256x256"]
        self.assertEqual(case["us"], {"limn": 100.0, "onednn": 90.0, "onednn.direct+nchw": 300.0})
        self.assertEqual(case["ratio"], {"onednn": 0.9, "onednn.direct+nchw": 3.0})
        self.assertEqual(case["flops"], 33554432.0)

    def test_names_are_escaped_for_posix_expressions(self):
        self.assertEqual(runs.escape("conv2d/b1/64-64@224"), "conv2d/b1/64-64@224")
        self.assertEqual(runs.escape("a.b+c"), r"a\.b\+c")

    def test_what_a_run_that_was_killed_left_is_taken_up(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "a.json"
            runs.save(store(), file)
            runs.lines_of(file).write_text(OUTPUT)
            merged = runs.load(file)
            self.assertEqual(merged["cases"]["1"], store()["cases"]["1"])
            self.assertEqual(list(merged["cases"]["2"]), ["gemm/plain/256x256x256"])
            self.assertFalse(runs.lines_of(file).exists())
            self.assertEqual(runs.load(file), merged)

    def test_a_store_survives_its_file(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "deep" / "a.json"
            self.assertEqual(runs.load(file)["cases"], {})
            runs.save(store(), file)
            self.assertEqual(runs.load(file), store())


class Judging(unittest.TestCase):
    def row(self, data, **target):
        return targets.judge_one(data, targets.Target("work", "gemm", **{"against": "onednn", **target}))

    def test_a_ratio_is_met_from_its_bound_on(self):
        self.assertFalse(self.row(store(1.5), ratio=1.5).missed())
        self.assertTrue(self.row(store(1.49), ratio=1.5).missed())

    def test_the_best_opponent_counts_and_the_mean_is_geometric(self):
        data = store(4.0)
        data["cases"]["1"]["gemm/b"] = store(1.0)["cases"]["1"]["gemm/plain/256x256x256"]
        data["cases"]["1"]["gemm/b"]["ratio"]["onednn.fast"] = 0.25
        data["cases"]["1"]["gemm/b"]["us"]["onednn.fast"] = 25.0
        row = self.row(data, ratio=1.0, worst=0.5)
        self.assertAlmostEqual(row.parts[0][1], 1.0)
        self.assertTrue(row.parts[0][3])
        self.assertFalse(row.parts[1][3])
        self.assertTrue(row.missed())

    def test_shares_cycles_bandwidth_errors(self):
        self.assertAlmostEqual(self.row(store(us=100.0, flops=1e7), share=1.0).parts[0][1], 1.0)  # 100 GFLOP/s of 100
        cycles = self.row(store(us=1.0, elements=4000), cycles=1.0).parts[0]
        self.assertAlmostEqual(cycles[1], 1.0)
        self.assertTrue(cycles[3])
        self.assertFalse(self.row(store(us=1.1, elements=4000), cycles=1.0).parts[0][3])
        self.assertAlmostEqual(self.row(store(us=1.0, bytes=31000), gbs=31).parts[0][1], 31.0)
        self.assertTrue(self.row(store(), ratio=1.0, error=1e-8).missed())
        self.assertFalse(self.row(store(), ratio=1.0, error=1e-6).missed())

    def test_what_was_not_measured_or_has_no_opponent_is_missed(self):
        self.assertTrue(self.row(store(), ratio=1.0, threads=2).missed())
        self.assertTrue(self.row(store(), ratio=1.0, against="torch").missed())
        self.assertTrue(self.row(store(), ratio=1.0, ours="limn.f6").missed())
        self.assertEqual(self.row(store(), ratio=1.0, threads=2).status(), "not measured")

    def test_threads_are_compared_with_one(self):
        data = store(us=100.0)
        data["cases"]["2"] = store(us=50.0)["cases"]["1"]
        self.assertAlmostEqual(self.row(data, against="1 thread", ratio=1.9, threads=2).parts[0][1], 2.0)

    def test_without_results_every_target_is_missed(self):
        self.assertTrue(all(row.missed() for row in targets.judge({"machine": {}, "limits": {}, "cases": {}})))


class Pages(unittest.TestCase):
    def test_page_and_plots_are_written(self):
        with tempfile.TemporaryDirectory() as folder:
            docs = pathlib.Path(folder)
            pages.write(store(), targets.judge(store()), docs)
            text = (docs / "performance.md").read_text()
            self.assertIn("| plain/256x256x256 | 100 us | 100 | 100 % | 1.50 | 1e-07, 2e-07 .. 2e-07 |", text)
            self.assertIn("</svg>", (docs / "performance" / "gemm.svg").read_text())


if __name__ == "__main__":
    unittest.main()
