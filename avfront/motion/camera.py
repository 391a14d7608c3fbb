"""The camera's own motion between two frames: turn, zoom and shift, told from most of the picture."""

from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.extras import extra

Array = npt.NDArray[np.float64]

IDENTITY: Array = np.eye(2, 3)

_NEAR = 1.0  # pixels: a point this near to where the camera would have put it agrees
_LEAST_SHARE = 0.3  # of all points that must agree
_LEAST_POINTS = 12
_DRAWN = 1000  # points are enough to tell


def estimate(before: Any, after: Any) -> Array | None:
    """The similarity (2, 3) that takes most points (P, 2) of one frame to where they are in the next.

    None where too few agree: what moves fills the picture, or there is nothing to see.

    >>> points = np.random.default_rng(0).random((50, 2)) * 100
    >>> estimate(points, points + (3, -1)).round(3).tolist() == [[1, 0, 3], [0, 1, -1]]
    True
    """
    if len(before) < _LEAST_POINTS:
        return None
    some = slice(None, None, -(-len(before) // _DRAWN))
    found, agrees = extra("cv2").estimateAffinePartial2D(
        np.ascontiguousarray(before[some], np.float32),
        np.ascontiguousarray(after[some], np.float32),
        ransacReprojThreshold=_NEAR,
    )
    if found is None or agrees.mean() < _LEAST_SHARE:
        return None
    return np.asarray(found, float)


def apply(transform: Array, points: Any) -> Array:
    """Points (…, 2) under transforms (…, 2, 3)."""
    return np.asarray(np.einsum("...ij,...j->...i", transform[..., :2], points) + transform[..., 2])


def compose(second: Array, first: Array) -> Array:
    """The transform that applies `first`, then `second`."""
    return np.column_stack([second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2] + second[:, 2]])


def inverse(transform: Array) -> Array:
    """The transform back.

    >>> back = inverse(np.array([[0.0, 2.0, 1.0], [-2.0, 0.0, 5.0]]))
    >>> apply(back, np.array([1.0, 5.0])).tolist()
    [0.0, 0.0]
    """
    turn = np.linalg.inv(transform[:, :2])
    return np.column_stack([turn, -turn @ transform[:, 2]])
