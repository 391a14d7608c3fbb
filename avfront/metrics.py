"""How good classes, times and places are: scores of the weakly supervised classifier against the truth.

Matrices of scores and truth are (clips, C): `truth` is boolean, and a clip may have any number of the C classes.
Averages over classes leave out a class that the truth does not hold. How separated sound is scored is
:mod:`nmfcore.metrics`'s.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.extras import extra

Array = npt.NDArray[np.floating[Any]]
Truth = npt.NDArray[np.bool_]
Event = tuple[float, float, int]  # begin and end in s, class


@dataclass(frozen=True)
class FScore:
    """F1 and what it is made of, 0…1; per class where the fields are arrays."""

    f1: Any
    precision: Any
    recall: Any


@dataclass(frozen=True)
class SegmentScore:
    """How well events are placed in time."""

    f1: float  # 0…1
    error_rate: float  # ≥ 0; above 1 when saying nothing would be better


def f_score(truth: Truth, found: Truth, *, per_class: bool = False) -> FScore:
    """F1, precision and recall of sets of classes.

    Parameters
    ----------
    truth, found : boolean arrays (clips, C)
    per_class : bool
        Arrays (C,) rather than the micro average, which counts decisions over all classes together.

    >>> round(f_score(np.array([[True, False], [True, True]]), np.array([[True, True], [True, False]])).f1, 3)
    0.667
    """
    average = None if per_class else "micro"
    score = extra("sklearn.metrics", "mil").precision_recall_fscore_support(
        truth, found, average=average, zero_division=0
    )
    precision, recall, f1 = score[:3]
    return FScore(f1, precision, recall)


def accuracy(truth: Truth, scores: Array) -> float:
    """Share of the clips whose best-scored class is one of theirs; the accuracy of a task of one class per clip.

    >>> accuracy(np.eye(2, dtype=bool), np.array([[0.9, 0.1], [0.8, 0.2]]))
    0.5
    """
    return float(np.mean(truth[np.arange(len(truth)), scores.argmax(axis=1)]))


def mean_average_precision(truth: Truth, scores: Array) -> float:
    """Mean over the classes of the area under precision and recall (mAP); it knows no thresholds.

    >>> round(mean_average_precision(np.array([[True], [False], [True]]), np.array([[3.0], [2.0], [1.0]])), 3)
    0.833
    """
    there = truth.any(axis=0)
    score = extra("sklearn.metrics", "mil").average_precision_score(truth[:, there], scores[:, there], average="macro")
    return float(score)


def tune_thresholds(truth: Truth, scores: Array, *, shared: float = 0.5) -> Array:
    """A threshold for each class, (C,), above which it is said: that of its best F1, drawn to one for all classes.

    A few clips of a class place its threshold badly. Halfway to the threshold of the best micro F1 for all, F1 on other
    clips was 0.60, against 0.57 at either end (two-stream system, halves of the validation clips of the made set).

    Parameters
    ----------
    truth : boolean array (clips, C)
    scores : array (clips, C)
    shared : float
        0 leaves each class its own threshold, 1 gives all the same.

    Returns
    -------
    array (C,)
        Each of the two lies midway between two scores. A class that the truth does not hold gets the highest score as
        its own threshold: nothing shows that a lower one would be right.

    >>> tune_thresholds(np.array([[False], [True], [True]]), np.array([[0.1], [0.3], [0.9]]))
    array([0.2])
    """
    common = _best_cuts(truth.reshape(-1, 1), scores.reshape(-1, 1))
    return (1 - shared) * _best_cuts(truth, scores) + shared * common


def _best_cuts(truth: Truth, scores: Array) -> Array:
    """For each column the threshold of its best F1."""
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=0)
    hits = np.cumsum(np.take_along_axis(truth, order, axis=0), axis=0)  # (clips, C), among the best n + 1
    said = np.arange(1, len(scores) + 1)[:, None]
    f1 = 2 * hits / (said + truth.sum(axis=0))
    # A cut between equal scores is none: only the last of them can be the last that is said.
    below = np.concatenate([ranked[1:], np.full((1, scores.shape[1]), -np.inf)])
    f1[ranked == below] = -1
    best, columns = f1.argmax(axis=0), np.arange(scores.shape[1])
    upper, lower = ranked[best, columns], below[best, columns]
    cut = np.where(np.isfinite(lower), (upper + lower) / 2, upper - 1e-6 * (1 + np.abs(upper)))
    return np.where(truth.any(axis=0), cut, ranked[0])


def segment_score(
    truth: Iterable[Sequence[Event]], found: Iterable[Sequence[Event]], seconds: Sequence[float], *, step: float = 1.0
) -> SegmentScore:
    """Segment-based F1 and error rate of events, counted over the segments of all clips (Mesaros et al. 2016).

    An event is active in each segment that it touches. With S substitutions, D deletions and I insertions per segment
    and N active true classes, the error rate is Σ (S + D + I) / Σ N.

    Parameters
    ----------
    truth, found : iterables of sequences of (begin, end, class)
        Events of each clip; times in s, classes as integers ≥ 0.
    seconds : sequence of float
        Length of each clip.
    step : float
        Length of a segment, s.

    >>> segment_score([[(0.0, 2.5, 0)]], [[(0.3, 2.0, 0), (3.2, 3.9, 1)]], [10.0])
    SegmentScore(f1=0.666..., error_rate=0.666...)
    """
    hits = wrong = true = said = 0
    for events, others, length in zip(truth, found, seconds, strict=True):
        classes = 1 + max((event[2] for event in (*events, *others)), default=-1)
        a, b = (_roll(each, length, step, classes) for each in (events, others))
        hits += int((a & b).sum())
        missed, added = (a & ~b).sum(axis=1), (b & ~a).sum(axis=1)
        wrong += int(np.maximum(missed, added).sum())  # S + D + I = max(missed, added)
        true += int(a.sum())
        said += int(b.sum())
    f1 = 2 * hits / (true + said) if true + said else 1.0
    return SegmentScore(f1, wrong / true if true else math.inf if wrong else 0.0)


def _roll(events: Sequence[Event], seconds: float, step: float, classes: int) -> Truth:
    active = np.zeros((math.ceil(seconds / step), classes), dtype=bool)
    for begin, end, which in events:
        active[max(0, math.floor(begin / step)) : math.ceil(end / step), which] = True
    return active


def iou(boxes: Array, others: Array) -> Array:
    """Area that two boxes share over the area that they cover together, (R, S), 0…1.

    Parameters
    ----------
    boxes, others : arrays (R, 4) and (S, 4)
        x, y, width, height, in the same unit.

    >>> iou(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 2, 2], [5, 5, 1, 1]])).round(3)
    array([[0.333, 0.   ]])
    """
    a, b = boxes[:, None], others[None]
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    return shared / np.maximum(a[..., 2:].prod(axis=-1) + b[..., 2:].prod(axis=-1) - shared, 1e-300)


def correct_localization(found: Sequence[Array], truth: Sequence[Array], *, least: float = 0.5) -> float:
    """CorLoc: share of the clips of a class whose best box covers an object of it (Deselaers et al. 2012).

    Parameters
    ----------
    found : sequence of arrays (4,)
        The best-scored box of each clip: x, y, width, height.
    truth : sequence of arrays (S, 4)
        The boxes of the class in the same frame; a clip where it has none there counts as wrong.
    least : float
        Intersection over union at which a box is right, 0…1.

    >>> correct_localization([np.array([0.0, 0, 4, 4])], [np.array([[0.0, 0, 4, 3]])])
    1.0
    """
    hits = [
        bool((iou(box[None], boxes) >= least).any()) if len(boxes) else False
        for box, boxes in zip(found, truth, strict=True)
    ]
    return float(np.mean(hits)) if hits else math.nan
