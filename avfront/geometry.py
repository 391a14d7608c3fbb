"""Where the microphones are: positions in metres, one row per channel; and directions from them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.errors import AvfrontError

# The pair of Duong et al.'s experiments; also about the spacing of a hand-held recorder's microphones.
DEFAULT_DISTANCE_M = 0.086


def line(channels: int, distance_m: float) -> npt.NDArray[np.float64]:
    """Microphones on a straight line, `distance_m` (metres) from one to the next: (channels, 3).

    >>> line(2, 0.1).tolist()
    [[-0.05, 0.0, 0.0], [0.05, 0.0, 0.0]]
    """
    if not (math.isfinite(distance_m) and 0.0 < distance_m <= 100.0):
        raise AvfrontError(
            f"a microphone distance of {distance_m:g} m is not possible",
            remedy="give --mic-distance in metres, between 0 and 100",
            usage=True,
        )
    positions = np.zeros((channels, 3))
    positions[:, 0] = distance_m * (np.arange(channels) - (channels - 1) / 2)
    return positions


def load(path: Path, channels: int) -> npt.NDArray[np.float64]:
    """Positions from a JSON file: ``[[x, y, z], …]`` in metres, or ``{"positions_m": [[x, y, z], …]}``.

    Rows of two numbers lie in the plane z = 0. One row per channel of the recording, in the order of its
    channels.
    """
    how = "write [[x, y, z], ...] in metres, one row per channel"
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise AvfrontError("there is no such file", file=path, remedy="check the path given to --array") from error
    except OSError as error:
        raise AvfrontError(
            f"the file cannot be read ({error.strerror})", file=path, remedy="check the path given to --array"
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise AvfrontError("the microphone positions are not valid JSON", file=path, remedy=how) from error
    rows = content.get("positions_m") if isinstance(content, dict) else content
    try:
        positions = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise AvfrontError("the microphone positions are not a table of numbers", file=path, remedy=how) from error
    if positions.ndim != 2 or positions.shape[1] not in (2, 3) or not np.isfinite(positions).all():
        raise AvfrontError("the microphone positions are not a table of numbers", file=path, remedy=how)
    if len(positions) != channels:
        raise AvfrontError(
            f"the file has {len(positions)} microphone positions and the recording {channels} channels",
            file=path,
            remedy="give one position per channel",
        )
    positions = np.hstack([positions, np.zeros((channels, 3 - positions.shape[1]))])
    if np.ptp(positions, axis=0).max() > 100.0:
        raise AvfrontError("the microphones are more than 100 m apart", file=path, remedy="write metres")
    gaps = np.linalg.norm(positions[:, None] - positions[None], axis=-1) + np.eye(channels)
    if gaps.min() < 1e-4:
        one, other = np.unravel_index(int(gaps.argmin()), gaps.shape)
        raise AvfrontError(
            f"microphones {one + 1} and {other + 1} are in one place",
            file=path,
            remedy="write metres; check the rows",
        )
    return positions


def towards(azimuth: float, elevation: float = 0.0) -> npt.NDArray[np.float64]:
    """Unit vector (3,) of a direction in degrees: azimuth from the array's x axis to its y axis, elevation from both.

    >>> towards(90.0).round(6).tolist()
    [0.0, 1.0, 0.0]
    """
    turn, up = np.radians([azimuth, elevation])
    return np.array([np.cos(turn) * np.cos(up), np.sin(turn) * np.cos(up), np.sin(up)])
