"""What the models that share components out among sources have in common: their result."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.layout import Matrices, host


@dataclass(frozen=True)
class SourceFactors:
    """A factorization V ≈ W H whose components belong to sources, in the form in which V was given.

    Attributes:
        W: patterns (…, F, K).
        H: activations (…, K, N).
        labels: the source of each component, 0…J−1, (…, K).
        n_sources: J.
        objective: what was minimised, of each problem.
        n_iter: iterations done on each problem.
    """

    W: Any
    H: Any
    labels: Any
    n_sources: int
    objective: Any
    n_iter: Any

    def parts(self) -> Any:
        """The model W_j H_j of each source, (…, J, F, N), ready for :func:`nmfcore.masks.wiener`.

        >>> fit = SourceFactors(np.ones((3, 2)), np.ones((2, 4)), np.array([1, 0]), 2, 0.0, 1)
        >>> fit.parts().shape
        (2, 3, 4)
        """
        if isinstance(self.W, list):
            each = zip(self.W, self.H, self.labels, strict=True)
            return [source_parts(w, h, labels, self.n_sources) for w, h, labels in each]
        return source_parts(self.W, self.H, self.labels, self.n_sources)


def source_parts(W: NDArray[Any], H: NDArray[Any], labels: NDArray[np.intp], n_sources: int) -> NDArray[Any]:
    """W_j H_j of each source, (…, J, F, N)."""
    mine = np.asarray(labels, like=H)[..., None, :] == np.arange(n_sources, like=H)[:, None]  # (…, J, K)
    out: NDArray[Any] = (W[..., None, :, :] * mine[..., None, :].astype(W.dtype)) @ H[..., None, :, :]
    return out


def source_labels(value: Any, name: str, length: int) -> NDArray[np.intp]:
    """The source of each row or column that `name` describes, checked: whole numbers from 0 with none left out."""
    labels = np.asarray(value)
    if labels.shape != (length,) or labels.dtype.kind not in "iu":
        raise ValueError(f"{name} must name a source 0, 1, … for each of {length}; got shape {labels.shape}.")
    if length == 0 or not np.array_equal(np.unique(labels), np.arange(labels.max() + 1)):
        raise ValueError(f"{name}={labels.tolist()} must use every number from 0 to the number of sources less one.")
    return labels.astype(np.intp)


def one_for_each(value: Any, name: str, given: Matrices) -> list[NDArray[np.float64]]:
    """A nonnegative matrix for each problem of V, from one in the form of V, or one for all."""
    if not isinstance(value, (list, tuple)) and np.ndim(value) == 2:
        pieces = [value] * len(given.shapes)
    else:
        pieces = given.form.unpack(value, name, len(given.shapes))
    out = [host(piece, np.float64) for piece in pieces]
    for piece in out:
        if piece.ndim != 2 or piece.size == 0 or not np.isfinite(piece).all() or piece.min() < 0:
            raise ValueError(f"{name} must hold finite nonnegative matrices; got one of shape {piece.shape}.")
    return out


def rows_for_each(value: Any, name: str, given: Matrices) -> tuple[list[NDArray[np.float64]], int]:
    """A nonnegative matrix (rows, N) on the frames of each problem of V, and how many rows: as many in every one."""
    pieces = one_for_each(value, name, given)
    check_frames(pieces, name, given)
    rows = sorted({len(piece) for piece in pieces})
    if len(rows) > 1:
        raise ValueError(f"{name} must have as many rows for every V; got {rows}.")
    return pieces, rows[0]


def check_frames(pieces: list[NDArray[np.float64]], name: str, given: Matrices) -> None:
    """Raise unless each matrix (rows, N) has as many columns as its V."""
    for piece, (_, frames) in zip(pieces, given.shapes, strict=True):
        if piece.shape[1] != frames:
            raise ValueError(f"{name} has {piece.shape[1]} frames where V has {frames}; resample it to V's frames.")
