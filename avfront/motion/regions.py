"""Boxes around what moves: given by the user, or found as connected regions of motion."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.errors import AvfrontError
from avfront.motion.tracks import CELL, Tracks

Array = npt.NDArray[np.float64]

MOST = 16  # objects that are looked for, where nobody says how many there are
_MOVING = 10.0  # pixels per second
_RESTLESS = 5.0  # pixels per second, at most, that count as the camera's
_OFTEN = (0.04, 0.08, 0.16, 0.32)  # share of the frames in which a cell must move: the first that tells regions apart
_WHOLE = 0.6  # of the picture: a larger region is more than one object
_JOIN = 0.05  # of the width: a gap so wide does not part a region
_LEAST_SHARE = 0.008  # of the picture, for a region that counts


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, from its upper left corner.

    >>> Box.parse("10,20,30,40")
    Box(x=10.0, y=20.0, width=30.0, height=40.0)
    """

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def parse(cls, text: str) -> "Box":
        """From ``x,y,width,height``."""
        try:
            x, y, width, height = (float(word) for word in text.split(","))
        except ValueError:
            x = y = width = height = float("nan")
        if not (np.isfinite([x, y]).all() and 0 < width < np.inf and 0 < height < np.inf):
            raise AvfrontError(f"--boxes {text} is no box", remedy="write x,y,width,height in pixels", usage=True)
        return cls(x, y, width, height)

    @property
    def middle(self) -> Array:
        """Its centre, (2,)."""
        return np.array([self.x + self.width / 2, self.y + self.height / 2])

    def contains(self, points: Any) -> npt.NDArray[np.bool_]:
        """Which of the points (…, 2) lie in it."""
        x, y = np.moveaxis(np.asarray(points), -1, 0)
        return (x >= self.x) & (x < self.x + self.width) & (y >= self.y) & (y < self.y + self.height)

    def scaled(self, factor: float) -> "Box":
        """In a picture so many times as large."""
        return Box(self.x * factor, self.y * factor, self.width * factor, self.height * factor)


def find(tracks: Tracks, count: int | None = None) -> list[Box]:
    """Boxes around the connected regions that move again and again, from left to right.

    Parameters
    ----------
    tracks : Tracks
        Of one video; positions are taken as in the first frame.
    count : int, optional
        How many there are: those with most motion. None keeps all that are large enough, up to :data:`MOST`.
    """
    columns, rows = (-(-side // CELL) for side in tracks.size)
    if len(tracks) == 0:
        return []
    # A shaking camera leaves everything a little restless.
    fast = tracks.speed > _MOVING + 4 * min(float(np.median(tracks.speed)), _RESTLESS)
    x, y = (tracks.steadied[fast] // CELL).astype(int).T
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    motion = np.bincount(y[inside] * columns + x[inside], minlength=rows * columns).reshape(rows, columns)
    boxes: list[tuple[float, Box]] = []
    # People who touch, or water and its banks, run together: what moves most of the time may still lie apart.
    for often in _OFTEN:
        found = _regions(motion, often * len(tracks.times))
        apart = len(found) >= (count or 1) and max(map(_cells, found)) < _WHOLE * rows * columns
        boxes = found if apart else boxes or found
        if apart or not found:
            break
    boxes.sort(key=lambda one: -one[0])
    return sorted((box for _, box in boxes[: count or MOST]), key=lambda box: box.x)


def _regions(motion: npt.NDArray[np.int64], least: float) -> list[tuple[float, Box]]:
    """Motion in, and box around, each connected region of the cells (rows, columns) that move more than `least`."""
    from scipy import ndimage

    rows, columns = motion.shape
    moving = motion > least
    joined = ndimage.label(ndimage.binary_dilation(moving, iterations=max(1, round(_JOIN / 2 * columns))))[0]
    boxes: list[tuple[float, Box]] = []
    for k, where in enumerate(ndimage.find_objects(joined)):
        own = (joined == k + 1) & moving
        at_y, at_x = np.nonzero(own)
        if own.sum() < _LEAST_SHARE * rows * columns or where is None:
            continue
        left, top = max(at_x.min() - 1, 0), max(at_y.min() - 1, 0)
        right, bottom = min(at_x.max() + 2, columns), min(at_y.max() + 2, rows)
        box = Box(*(float(CELL * side) for side in (left, top, right - left, bottom - top)))
        boxes.append((float(motion[own].sum()), box))
    return boxes


def _cells(region: tuple[float, Box]) -> float:
    """How many cells its box covers."""
    return region[1].width * region[1].height / CELL**2


def assign(tracks: Tracks, boxes: Sequence[Box]) -> npt.NDArray[np.int64]:
    """Box of each track, (P,): the one that holds most of its points, −1 where none holds half of them.

    Boxes are as in the first frame. Where they overlap, the one whose middle is nearer decides.
    """
    points, lengths = tracks.steadied, tracks.lengths
    held = np.stack([np.add.reduceat(box.contains(points), tracks.first, dtype=float) for box in boxes])  # (J, P)
    middle = np.add.reduceat(points, tracks.first, axis=0) / lengths[:, None]
    away = np.stack([np.hypot(*((middle - box.middle) / (box.width, box.height)).T) for box in boxes])
    best = (held / lengths - 0.1 * away).argmax(axis=0)
    enough = np.take_along_axis(held, best[None], axis=0)[0] >= 0.5 * lengths
    return np.where(enough, best, -1)
