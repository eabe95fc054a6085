"""The arithmetic behind every ratio in docs/benchmarks.md."""

import math
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from equal_recall import curve_of, log_slope, qps_at, ratio_at  # noqa: E402


class EqualRecall(unittest.TestCase):
    def test_measured_points_are_returned_as_measured(self):
        curve = [(0.9, 1000.0), (0.99, 500.0)]
        self.assertAlmostEqual(qps_at(curve, 0.9), 1000)
        self.assertAlmostEqual(qps_at(curve, 0.99), 500)

    def test_between_points_both_scales_are_logarithmic(self):
        # 1 - recall falls from 0.1 to 0.001; half way, in logarithms, is 0.01.
        self.assertAlmostEqual(qps_at([(0.9, 1000.0), (0.999, 10.0)], 0.99), 100)

    def test_nothing_is_claimed_beyond_the_ends(self):
        curve = [(0.9, 1000.0), (0.99, 500.0)]
        self.assertIsNone(qps_at(curve, 0.89))
        self.assertIsNone(qps_at(curve, 0.991))
        self.assertIsNone(qps_at([], 0.9))
        self.assertIsNone(ratio_at(curve, [(0.95, 10.0)], 0.97))

    def test_a_slower_point_of_less_recall_does_not_count(self):
        # The middle point is dominated: (0.97, 800) is better in both.
        curve = [(0.9, 1000.0), (0.95, 700.0), (0.97, 800.0)]
        share = math.log(0.1 / 0.05) / math.log(0.1 / 0.03)
        self.assertAlmostEqual(qps_at(curve, 0.95), 1000 * 0.8 ** share)

    def test_a_faster_point_of_more_recall_stands_for_the_first(self):
        curve = [(0.9, 100.0), (0.95, 200.0), (0.99, 50.0)]
        self.assertAlmostEqual(qps_at(curve, 0.92), 200)
        self.assertAlmostEqual(qps_at(curve, 0.9), 200)
        self.assertIsNone(qps_at(curve, 0.89))

    def test_perfect_recall_is_a_finite_distance_away(self):
        found = qps_at([(0.99, 100.0), (1.0, 10.0)], 0.999)
        self.assertTrue(10 < found < 100, found)

    def test_ratio(self):
        self.assertAlmostEqual(ratio_at([(0.9, 300.0)], [(0.9, 100.0)], 0.9), 3)

    def test_a_curve_takes_medians_per_ef(self):
        points = [{"ef": ef, "recall": recall, "qps": qps, "cpu_qps": 2 * qps}
                  for ef, recall, qps in ((64, 0.99, 9), (16, 0.9, 30), (16, 0.9, 10),
                                          (16, 0.9, 20))]
        self.assertEqual(curve_of(points), [(0.9, 20), (0.99, 9)])
        self.assertEqual(curve_of(points, "cpu_qps"), [(0.9, 40), (0.99, 18)])

    def test_growth_is_an_exponent(self):
        slope, explained = log_slope([10, 100, 1000], [1.0, math.sqrt(10), 10.0])
        self.assertAlmostEqual(slope, 0.5)
        self.assertAlmostEqual(explained, 1)


if __name__ == "__main__":
    unittest.main()
