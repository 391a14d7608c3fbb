import sys
import types
import warnings
from typing import Any

import numpy as np
import pytest

from avfront import metrics


def test_f_score_counts_decisions() -> None:
    truth = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0]], bool)
    found = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]], bool)
    micro = metrics.f_score(truth, found)
    assert (micro.precision, micro.recall) == (2 / 4, 2 / 3)
    assert micro.f1 == pytest.approx(2 * 2 / (4 + 3))
    assert metrics.f_score(truth, found, per_class=True).f1 == pytest.approx([2 / 3, 2 / 3, 0])


def test_thresholds_are_the_best_there_are() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth = rng.random((30, 4)) < 0.3
        scores = (rng.integers(0, 9, (30, 4)) + 3 * truth) / 7.0  # with ties
        tuned = metrics.f_score(truth, scores > metrics.tune_thresholds(truth, scores, shared=0.0), per_class=True).f1
        tried = [metrics.f_score(truth, scores > cut, per_class=True).f1 for cut in np.arange(-1, 14) / 7 + 0.07]
        assert tuned == pytest.approx(np.max(tried, axis=0))


def test_one_threshold_for_all_has_the_best_micro_f1() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random((40, 5)) < 0.3
    scores = rng.normal(0, 1, (40, 5)) + truth
    tuned = metrics.tune_thresholds(truth, scores, shared=1.0)
    assert len(set(tuned)) == 1
    best = max(metrics.f_score(truth, scores > cut).f1 for cut in scores.ravel() - 1e-9)
    assert metrics.f_score(truth, scores > tuned).f1 == pytest.approx(best)
    own, common, half = (metrics.tune_thresholds(truth, scores, shared=shared) for shared in (0.0, 1.0, 0.5))
    assert half == pytest.approx((own + common) / 2)


def test_a_class_that_is_never_there_is_not_said() -> None:
    truth, scores = np.array([[True, False], [False, False]]), np.array([[1.0, 5.0], [0.0, 7.0]])
    assert not (scores > metrics.tune_thresholds(truth, scores, shared=0.0))[:, 1].any()
    assert metrics.mean_average_precision(truth, scores) == 1


def events(rng: np.random.Generator, count: int) -> list[metrics.Event]:
    begins = rng.uniform(0, 9, count)
    ends = np.minimum(begins + rng.uniform(0.1, 4, count), 10)
    return [(*map(float, span), int(rng.integers(3))) for span in zip(begins, ends, strict=True)]


@pytest.fixture
def sed_eval(monkeypatch: pytest.MonkeyPatch) -> Any:
    # It asks for a part of setuptools that newer ones have no more, to find files that are not used here.
    if "pkg_resources" not in sys.modules:
        monkeypatch.setitem(sys.modules, "pkg_resources", types.ModuleType("pkg_resources"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("sed_eval")


def test_segments_count_as_in_sed_eval(sed_eval: Any) -> None:
    import dcase_util

    rng = np.random.default_rng(1)
    truth = [events(rng, rng.integers(5)) for _ in range(12)]
    found = [events(rng, rng.integers(5)) for _ in range(12)]
    theirs = sed_eval.sound_event.SegmentBasedMetrics(event_label_list=["0", "1", "2"], time_resolution=1.0)
    for pair in zip(truth, found, strict=True):
        lists = [
            dcase_util.containers.MetaDataContainer(
                [
                    {"event_label": str(which), "event_onset": begin, "event_offset": end, "filename": "x"}
                    for begin, end, which in clip
                ]
            )
            for clip in pair
        ]
        theirs.evaluate(*lists, evaluated_length_seconds=10)
    overall = theirs.results_overall_metrics()
    ours = metrics.segment_score(truth, found, [10.0] * 12)
    assert ours.f1 == pytest.approx(overall["f_measure"]["f_measure"])
    assert ours.error_rate == pytest.approx(overall["error_rate"]["error_rate"])


@pytest.mark.parametrize(
    ("truth", "found", "f1", "error_rate"),
    [
        ([(0.0, 2.0, 0)], [(0.0, 2.0, 0)], 1, 0),
        ([(0.0, 2.0, 0)], [(0.0, 2.0, 1)], 0, 1),  # two substitutions
        ([(0.0, 2.0, 0)], [], 0, 1),  # two deletions
        ([(0.0, 1.0, 0)], [(0.5, 2.5, 0), (9.2, 99.0, 1)], 2 / 5, 3),  # three insertions
        ([], [], 1, 0),
    ],
)
def test_segments_by_hand(truth: list[metrics.Event], found: list[metrics.Event], f1: float, error_rate: float) -> None:
    score = metrics.segment_score([truth], [found], [10.0])
    assert score.f1 == pytest.approx(f1)
    assert score.error_rate == pytest.approx(error_rate)


def test_overlap_of_boxes_is_that_of_their_pixels() -> None:
    rng = np.random.default_rng(2)
    boxes = np.concatenate([rng.integers(0, 12, (40, 2)), rng.integers(0, 9, (40, 2))], axis=1)
    pixels = np.zeros((40, 24, 24), bool)
    for mask, (x, y, w, h) in zip(pixels, boxes, strict=True):
        mask[y : y + h, x : x + w] = True
    both = np.array([[(a & b).sum() / max((a | b).sum(), 1) for b in pixels] for a in pixels])
    assert metrics.iou(boxes.astype(float), boxes.astype(float)) == pytest.approx(both)


def test_correct_localization() -> None:
    box = np.array([0.0, 0, 10, 10])
    truth = [np.array([[0.0, 0, 10, 5]]), np.array([[50.0, 50, 9, 9], [1, 1, 10, 10]]), np.zeros((0, 4))]
    assert metrics.correct_localization([box] * 3, truth) == pytest.approx(2 / 3)
    assert metrics.correct_localization([box] * 3, truth, least=0.6) == pytest.approx(1 / 3)
