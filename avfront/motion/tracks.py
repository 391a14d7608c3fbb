"""Dense point tracks through a video, by optical flow, in the frame of a moving camera.

Lucas-Kanade flow of a grid of corners, forwards and backwards: a point that does not come back to where it was is
hidden or lost, and its track ends (Sundaram, Brox and Keutzer 2010). New points fill the cells that lost theirs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.extras import extra
from avfront.media import Frame, Image
from avfront.motion import camera

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CELL = 8  # pixels: one point in each square of this side
_STILL = 1.5  # pixels: a point that never left this radius has not moved
_WINDOW = 64  # frames: for so long a point that has not moved is remembered
_LEAST_CORNER = 2e-4  # least eigenvalue of the gradients' covariance, image values 0…1: less than noise of coding
_FLOW = {"winSize": (11, 11), "maxLevel": 3, "criteria": (3, 8, 0.03), "minEigThreshold": 1e-4}


@dataclass(frozen=True)
class Tracks:
    """The tracks of all points that moved, one after the other, each without gaps.

    Attributes
    ----------
    times : array (T,)
        Of the frames, s.
    first : integers (P,)
        Row at which each track begins; it ends where the next one begins.
    frame : integers (R,)
        Frame of each row.
    position : array (R, 2)
        x and y in the picture, pixels.
    motion : array (R, 2)
        Since the frame before, pixels, without the camera's; zero in a track's first row.
    cameras : array (T, 2, 3)
        Takes positions of a frame to the first frame's, as far as the camera moved.
    size : (width, height)
        Of the pictures, pixels.
    steady : array of bool (T,)
        Where the camera's motion could be told; elsewhere it counts as none.
    """

    times: Array
    first: Integers
    frame: Integers
    position: Array
    motion: Array
    cameras: Array
    size: tuple[int, int]
    steady: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.first)

    @property
    def lengths(self) -> Integers:
        """Rows of each track, (P,)."""
        return np.diff(np.append(self.first, len(self.frame)))

    @property
    def owner(self) -> Integers:
        """Track of each row, (R,)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def speed(self) -> Array:
        """Pixels per second in each row, (R,); in the first row of a track that of the second."""
        step = np.diff(self.times, prepend=self.times[:1] - 1.0)
        speed = np.hypot(*self.motion.T) / step[self.frame]
        longer = self.lengths > 1
        speed[self.first[longer]] = speed[self.first[longer] + 1]
        return np.asarray(speed)

    @property
    def steadied(self) -> Array:
        """Positions as the first frame would have them, (R, 2)."""
        return camera.apply(self.cameras[self.frame], self.position)

    def chosen(self, keep: npt.NDArray[np.bool_]) -> "Tracks":
        """Only the tracks marked in `keep` (P,)."""
        rows = np.repeat(keep, self.lengths)
        lengths = self.lengths[keep]
        first = np.cumsum(lengths) - lengths
        return Tracks(
            self.times,
            first,
            self.frame[rows],
            self.position[rows],
            self.motion[rows],
            self.cameras,
            self.size,
            self.steady,
        )


def follow(frames: Iterable[Frame]) -> Tracks:
    """Follow points through a video of any length; memory grows with what moves in it only.

    Parameters
    ----------
    frames : iterable of Frame
        Grey pictures of one size, in order.

    Raises
    ------
    ValueError
        If there are fewer than two frames, or their sizes differ.

    >>> picture = np.random.default_rng(0).integers(0, 255, (64, 96)).astype(np.uint8)
    >>> picture = extra("cv2").GaussianBlur(picture, (9, 9), 2)
    >>> moved = picture.copy()
    >>> moved[16:48, 20:52] = picture[16:48, 16:48]
    >>> moved_on = picture.copy()
    >>> moved_on[16:48, 24:56] = picture[16:48, 16:48]
    >>> tracks = follow(Frame(k / 25, image) for k, image in enumerate([picture, moved, moved_on]))
    >>> round(float(np.median(tracks.speed)), -1), len(tracks) > 4  # 4 pixels per frame
    (100.0, True)
    """
    times: list[float] = []
    cameras, steady = [camera.IDENTITY], [True]
    log = _Log()
    points = np.zeros((0, 2), np.float32)
    ids = np.zeros(0, np.int64)
    before: Image | None = None
    for frame in frames:
        if before is not None and frame.image.shape != before.shape:
            raise ValueError(f"frames must have one size; got {before.shape} and {frame.image.shape}.")
        if before is not None:
            found, kept = _flow(before, frame.image, points)
            old, points, ids = points[kept], found[kept], ids[kept]
            move = camera.estimate(old, points)
            steady.append(move is not None)
            move = camera.IDENTITY if move is None else move
            cameras.append(camera.compose(cameras[-1], camera.inverse(move)))
            log.add(len(times), ids, points, points - camera.apply(move, old))
            alone = _one_per_cell(points, frame.image.shape, CELL // 2)
            points, ids = points[alone], ids[alone]
        times.append(frame.time)
        fresh = _corners(frame.image, points)
        ids = np.concatenate([ids, log.begin(len(fresh))])
        points = np.concatenate([points, fresh])
        log.add(len(times) - 1, ids[len(ids) - len(fresh) :], fresh, np.zeros_like(fresh))
        before = frame.image
    if before is None or len(times) < 2:
        raise ValueError(f"frames must be at least 2 to follow a motion; got {len(times)}.")
    first, rows = log.close()
    size = (before.shape[1], before.shape[0])
    return Tracks(np.array(times), first, *rows, np.stack(cameras), size, np.array(steady))


class _Log:
    """Rows of all tracks, from which those of points that do not move are dropped again."""

    def __init__(self) -> None:
        self._rows: list[tuple[Integers, Integers, Array, Array]] = []  # frame, track, position, motion
        self._count = 0
        self._moved = np.zeros(0, bool)
        self._away = np.zeros((0, 2))  # where each point went, without the camera

    def begin(self, count: int) -> Integers:
        """Numbers for new tracks."""
        self._count += count
        self._moved = np.append(self._moved, np.zeros(count, bool))
        self._away = np.append(self._away, np.zeros((count, 2)), axis=0)
        return np.arange(self._count - count, self._count)

    def add(self, frame: int, ids: Integers, positions: Any, motion: Any) -> None:
        """Rows of one frame."""
        self._away[ids] += motion
        self._moved[ids] |= np.hypot(*self._away[ids].T) > _STILL
        self._rows.append((np.full(len(ids), frame), ids, np.asarray(positions, float), np.asarray(motion, float)))
        if len(self._rows) >= 4 * _WINDOW:
            self._forget()

    def _forget(self) -> None:
        """Drop what is older than a window and belongs to points that have not moved by now."""
        old, new = self._rows[: -2 * _WINDOW], self._rows[-2 * _WINDOW :]
        rows = tuple(np.concatenate(column) for column in zip(*old, strict=True))
        kept = self._moved[rows[1]]
        self._rows = [(rows[0][kept], rows[1][kept], rows[2][kept], rows[3][kept]), *new]

    def close(self) -> tuple[Integers, tuple[Integers, Array, Array]]:
        """First row of each track that moved, and (frame, position, motion) of all rows."""
        frame, ids, position, motion = (np.concatenate(column) for column in zip(*self._rows, strict=True))
        kept = np.flatnonzero(self._moved[ids])
        order = kept[np.lexsort((frame[kept], ids[kept]))]
        first = np.unique(ids[order], return_index=True)[1]
        return first, (frame[order], position[order], motion[order])


def _flow(old: Image, new: Image, points: npt.NDArray[np.float32]) -> tuple[Any, npt.NDArray[np.bool_]]:
    """Where the points went, and which of them came back when followed backwards."""
    if len(points) == 0:
        return points, np.zeros(0, bool)
    cv2 = extra("cv2")
    there, ok, _ = cv2.calcOpticalFlowPyrLK(old, new, points, None, **_FLOW)
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(
        new, old, there, points.copy(), **_FLOW, flags=cv2.OPTFLOW_USE_INITIAL_FLOW
    )
    error = np.square(back - points).sum(axis=1)
    # Sundaram et al., eq. 4: the longer the way, the larger the error that is forgiven.
    forgiven = 0.01 * (np.square(there - points).sum(axis=1) + np.square(back - there).sum(axis=1)) + 0.5
    height, width = new.shape
    inside = ((there >= 1) & (there < (width - 1, height - 1))).all(axis=1)
    return there, (ok[:, 0] > 0) & (ok_back[:, 0] > 0) & (error < forgiven) & inside


def _one_per_cell(points: Any, shape: tuple[int, ...], cell: int) -> Integers:
    """Indices of the first (oldest) point in each cell."""
    column, row = (points // cell).astype(int).T
    return np.sort(np.unique(row * (shape[1] // cell + 1) + column, return_index=True)[1])


def _corners(image: Image, points: Any) -> npt.NDArray[np.float32]:
    """The best corner of every cell that has no point, where it is one at all: (new, 2)."""
    cv2 = extra("cv2")
    rows, columns = image.shape[0] // CELL, image.shape[1] // CELL
    strength = cv2.cornerMinEigenVal(image, 5)[: rows * CELL, : columns * CELL]
    cells = strength.reshape(rows, CELL, columns, CELL).transpose(0, 2, 1, 3).reshape(rows, columns, CELL * CELL)
    best = cells.argmax(axis=-1)
    free = np.take_along_axis(cells, best[..., None], axis=-1)[..., 0] > _LEAST_CORNER
    column, row = np.minimum((points // CELL).astype(int), (columns - 1, rows - 1)).T
    free[row, column] = False
    row, column = np.nonzero(free)
    x, y = column * CELL + best[free] % CELL, row * CELL + best[free] // CELL
    return np.stack([x, y], axis=1).astype(np.float32)
