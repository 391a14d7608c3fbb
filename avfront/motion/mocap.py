"""Motion capture tables, and the motion activations that are made of them.

Any table of numbers with named columns, separated by commas, semicolons, tabs or spaces, as motion capture programs
export them: lines before the names may tell the rate (``FREQUENCY 240``).
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avfront.errors import AvfrontError
from avfront.motion.timing import onto_frames

Array = npt.NDArray[np.float64]

BINS = 4  # of the bow's inclination: about one per string
_RATE_WORDS = re.compile(r"^\W*(?:frequency|data_?rate|rate|frame_?rate|fps)\W+(\d+(?:\.\d+)?)", re.IGNORECASE)
_TIME, _FRAME = re.compile(r"^\W*time", re.IGNORECASE), re.compile(r"^\W*frame", re.IGNORECASE)
_ANGLE, _VELOCITY = re.compile("inclin|tilt|angle", re.IGNORECASE), re.compile("veloc|speed", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """Named descriptors over time, without gaps.

    Attributes
    ----------
    times : array (T,)
        Increasing, s.
    columns : dict of name to array (T,)
        In the units of the file.
    """

    times: Array
    columns: dict[str, Array]


def read(path: Path, rate: float | None = None) -> Table:
    """Read a table; missing values within a column run straight between their neighbours.

    Parameters
    ----------
    path : Path
        CSV, TSV or the like.
    rate : float, optional
        Rows per second, for a file with neither a column of times nor a line that tells its rate.

    Raises
    ------
    AvfrontError
        If the file is no such table, has no times and no rate, or a column without any number.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise AvfrontError(
            f"the table cannot be opened ({(error.strerror or str(error)).lower()})", file=path, remedy="check the path"
        ) from error
    names, body, told = _parse(path, text)
    rows = np.array([[_number(cell) for cell in line] for line in body])
    columns = dict(zip(names, rows.T, strict=True))
    clock = next((name for name in names if _TIME.match(name)), None)
    counter = next((name for name in names if _FRAME.match(name)), None)
    if clock is not None:
        times = columns.pop(clock)
    elif rate or told:
        times = np.arange(len(rows)) / float(rate or told or 1.0)
    else:
        raise AvfrontError(
            "the table has neither a column of times nor a line that tells its rate",
            file=path,
            remedy="add a column time (seconds), or give --mocap-rate",
        )
    if counter is not None:
        columns.pop(counter)
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise AvfrontError("the times of the table do not increase", file=path, remedy="sort it, or export it again")
    for name, values in columns.items():
        known = np.isfinite(values)
        if not known.any():
            raise AvfrontError(f"the column '{name}' holds no number", file=path, remedy="leave it out")
        columns[name] = np.interp(times, times[known], values[known])
    if not columns:
        raise AvfrontError("the table has no descriptors beside its times", file=path, remedy="export it again")
    return Table(times, columns)


def activations(table: Table, at: Array, width: float, *, bins: int = BINS) -> Array:
    """Motion activations H_m (rows, N) on the frames of the sound (Parekh 2019, section 3.2.3).

    A table with an inclination (or tilt, or angle) and a velocity (or speed) gives `bins` rows: the inclination in
    equal bins from its least to its largest value, each row the absolute velocity while its bin is on. Any other
    table gives a row per column: absolute velocities as they are, other descriptors by how fast they change.

    Parameters
    ----------
    table : Table
        Of one source.
    at : array (N,)
        Middles of the frames, s.
    width : float
        Length of a frame, s.
    bins : int
        Of the inclination, ≥ 1.

    >>> t = np.arange(480) / 240
    >>> table = Table(t, {"inclination": np.where(t < 1, -20.0, 30.0), "velocity": np.sin(6 * t)})
    >>> activations(table, np.array([0.5, 1.5]), 0.1).round(2).tolist()
    [[0.15, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.41]]
    """
    if bins < 1:
        raise ValueError(f"bins={bins} must be at least 1.")
    angle = next((name for name in table.columns if _ANGLE.search(name)), None)
    speed = next((name for name in table.columns if _VELOCITY.search(name)), None)
    if angle is not None and speed is not None:
        value = table.columns[angle]
        span = float(np.ptp(value)) or 1.0
        which = np.minimum(((value - value.min()) / span * bins).astype(int), bins - 1)
        rows = np.eye(bins)[which] * np.abs(table.columns[speed])[:, None]  # (T, bins)
    else:
        rows = np.stack([_rate_of(name, values, table.times) for name, values in table.columns.items()], axis=1)
    return onto_frames(table.times, rows, at, width).T


def speed(table: Table, at: Array, width: float) -> Array:
    """One motion per table on the frames of the sound, (N,): the velocity, or the size of all changes together."""
    rows = activations(table, at, width, bins=1)
    return np.asarray(np.sqrt(np.square(rows).sum(axis=0)))


def _rate_of(name: str, values: Array, times: Array) -> Array:
    return np.abs(values if _VELOCITY.search(name) or len(times) < 2 else np.gradient(values, times))


def _parse(path: Path, text: str) -> tuple[list[str], list[list[str]], float | None]:
    """Names of the columns, the cells of all rows, and the rate if a line before tells it."""
    lines = [line for line in text.splitlines() if line.strip()]
    numeric = [k for k, line in enumerate(lines) if _is_data(line)]
    if len(numeric) < 2:
        raise AvfrontError(
            "this is no table of numbers", file=path, remedy="export the motion as CSV or TSV with named columns"
        )
    # The longest unbroken run of rows is the table; what stands before it is its head.
    runs = np.split(np.array(numeric), np.flatnonzero(np.diff(numeric) > 1) + 1)
    longest = max(runs, key=len)
    start, stop = int(longest[0]), int(longest[-1]) + 1
    cells = [_split(line) for line in lines[start:stop]]
    told = next((float(found[1]) for line in lines[:start] if (found := _RATE_WORDS.match(line))), None)
    width = len(cells[0])
    if any(len(row) != width for row in cells):
        raise AvfrontError("the rows of the table differ in length", file=path, remedy="export it again")
    names = _split(lines[start - 1]) if start else []
    if len(names) != width or any(not name for name in names):
        names = [f"column{k + 1}" for k in range(width)]
    unique = [name if names.count(name) == 1 else f"{name}_{k + 1}" for k, name in enumerate(names)]
    return unique, cells, told


def _split(line: str) -> list[str]:
    for separator in "\t;,":
        if separator in line:
            return [cell.strip() for cell in next(csv.reader([line.rstrip("\r\n")], delimiter=separator))]
    return line.split()


def _is_data(line: str) -> bool:
    cells = _split(line)
    found = [np.isfinite(_number(cell)) for cell in cells]
    return any(found) and all(ok or cell.lower() in {"", "nan", "na"} for ok, cell in zip(found, cells, strict=True))


def _number(cell: str) -> float:
    try:
        return float(cell.replace(",", "."))  # a cell with a comma in it is a number where commas are decimal
    except ValueError:
        return float("nan")
