"""Where and when a clip shows and sounds of a class: its proposals' scores, as boxes by opacity and as segments.

Parekh et al., TASLP 2020, sections V.B and V.D: the scores of the sound's windows, thresholded at τ = 0, tell when the
class is heard; a box is drawn the more opaque the higher its score.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avfront.proposals import Proposals

Array = npt.NDArray[np.float64]

_AREA, _ORDER = 1 / 4, 2 / 3  # exponents, of `gathered`


@dataclass(frozen=True)
class Localized:
    """One class in one clip.

    Attributes
    ----------
    label : str
        The class.
    boxes : array (R, 4)
        x, y, width, height in pixels of the original picture, the best of each picture first.
    box_times : array (R,)
        Of their pictures, s.
    opacity : array (R,)
        Of the boxes, 0…1: the gathered score (see :func:`gathered`) as a share of the best box's.
    heat : array (P,)
        Scores of the sound's windows, as a share of the largest magnitude: -1…1.
    heat_times : array (P, 2)
        Begin and end of the windows, s.
    segments : tuple of (begin, end)
        When the class is heard, s: where the score of a window is above the threshold.
    """

    label: str
    boxes: Array
    box_times: Array
    opacity: Array
    heat: Array
    heat_times: Array
    segments: tuple[tuple[float, float], ...]

    def best(self) -> tuple[int, ...]:
        """Index of the most opaque box of each picture in which there is one."""
        found = []
        for time in np.unique(self.box_times):
            rows = np.flatnonzero(self.box_times == time)
            row = int(rows[np.argmax(self.opacity[rows])])
            if self.opacity[row] > 0:
                found.append(row)
        return tuple(found)


def localize(
    label: str,
    proposals: Proposals,
    visual: npt.NDArray[np.floating] | None,
    tsp: npt.NDArray[np.floating] | None,
    *,
    threshold: float = 0.0,
) -> Localized:
    """Localize one class.

    Parameters
    ----------
    label : str
        The class, for the record.
    proposals : Proposals
        Of the clip.
    visual : array (R,), optional
        Scores of its boxes for the class; None for a system that does not see.
    tsp : array (P,), optional
        Scores of the windows of its sound; None for a system that does not hear them.
    threshold : float
        τ, above which a window sounds of the class.

    >>> segments(np.array([1.0, 1.0, -1.0, 1.0]), np.array([[0, 1], [0.5, 1.5], [1, 2], [2.5, 3]]), 0.0)
    ((0.0, 1.5), (2.5, 3.0))
    """
    seen = np.zeros(len(proposals.boxes))
    if visual is not None:
        seen = gathered(np.asarray(visual, float), proposals.boxes, proposals.box_frames)
    heard = np.zeros(len(proposals.tsp)) if tsp is None else np.asarray(tsp, float)
    top = max(float(seen.max(initial=0.0)), 1e-12)
    loudest = max(float(np.abs(heard).max(initial=0.0)), 1e-12)
    return Localized(
        label,
        np.asarray(proposals.boxes, float),
        proposals.frame_times[proposals.box_frames],
        np.clip(seen / top, 0, 1),
        heard / loudest,
        np.asarray(proposals.tsp_times, float),
        segments(heard, proposals.tsp_times, threshold) if tsp is not None else (),
    )


def gathered(
    scores: npt.NDArray[np.floating], boxes: npt.NDArray[np.floating], frames: npt.NDArray[np.integer]
) -> Array:
    """Scores (R,) of boxes, by all that speaks for the class within them and by how much they look like an object.

    ::

        Σ max(0, s_r') |r ∩ r'| / |r'|  ·  |r|^-¼  ·  k_r^-⅔

    Networks that learn from weak labels like the most telling part of an object best. A box that holds the whole
    object holds the boxes of its parts, too; the area |r| keeps it from growing further. The sum is over the boxes
    (R, 4) of the same picture. Of what is left, EdgeBoxes knows better which boxes are whole objects: r is the k-th
    best of its picture, as they come in the order of its scores. WSDDN multiplies features by these scores (Bilen and
    Vedaldi 2016, "box score"); their order does not depend on how strong the edges of a picture are. The exponents
    were chosen on clips of the made set that were not for testing; a quarter more or less of them changes little.

    >>> part, whole, far = [10, 10, 5, 5], [8, 8, 12, 12], [40, 40, 9, 9]
    >>> found = gathered(np.array([0.1, 0.8, 1.0]), np.array([far, whole, part]), np.zeros(3, int))
    >>> int(found.argmax())
    1
    """
    boxes, area = np.asarray(boxes, float), np.asarray(boxes, float)[:, 2:].prod(axis=1)
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(*((boxes[..., :2] + boxes[..., 2:])[index] for index in (np.s_[:, None], np.s_[None])))
    same = frames[:, None] == frames[None]
    shared = np.clip(high - low, 0, None).prod(axis=-1) * same
    place = np.tril(same).sum(axis=1)  # k, from 1 on
    return np.asarray((shared / area) @ np.maximum(scores, 0) / area**_AREA / place**_ORDER)


def segments(scores: Array, times: Array, threshold: float) -> tuple[tuple[float, float], ...]:
    """The union of the windows (P, 2) whose scores (P,) are above the threshold, as begins and ends in order."""
    found: list[tuple[float, float]] = []
    for begin, end in np.asarray(times, float)[scores > threshold].tolist():
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return tuple(found)
