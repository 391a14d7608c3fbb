"""A batch of sparse matrices (scipy.sparse or cupyx.scipy.sparse), compressed by columns.

Beside :class:`nmfcore.layout.Matrices` and with its outside, so that the solver need not know which it holds. In the
table of a sparse batch V_AT is the number of the matrix, not an offset.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.layout import V_AT, Form, Table, namespace, working_dtype


def is_sparse(value: Any) -> bool:
    """Whether `value` is a sparse matrix, or a list of them.

    >>> is_sparse(np.ones((2, 2)))
    False
    """
    if isinstance(value, (list, tuple)):
        return len(value) > 0 and any(is_sparse(one) for one in value)
    return hasattr(value, "tocsc") and hasattr(value, "nnz")


@dataclass(frozen=True)
class Compressed:
    """V of a batch, one matrix in CSC form per problem; see :class:`nmfcore.layout.Matrices`."""

    columns: tuple[Any, ...]
    form: Form

    @staticmethod
    def of(value: Any, name: str = "V", dtype: np.dtype[Any] | None = None) -> "Compressed":
        """From one sparse matrix (F, N) or a list of them; raises a ValueError on anything else."""
        single = not isinstance(value, (list, tuple))
        given: Sequence[Any] = [value] if single else value
        if not all(is_sparse(piece) for piece in given):
            raise ValueError(f"{name} must be a list of sparse matrices only, or of dense ones only.")
        for piece in given:
            if piece.ndim != 2:
                raise ValueError(f"{name} must be a sparse matrix (F, N) or a list of them; got shape {piece.shape}.")
        if any(0 in piece.shape for piece in given):
            raise ValueError(f"{name} is empty: every matrix needs at least one row and one column.")
        if any(piece.dtype.kind not in "fiub" for piece in given):
            raise ValueError(f"{name} must be real; got dtype {given[0].dtype}.")
        wanted = dtype or working_dtype(*given)
        return Compressed(tuple(_canonical(piece, wanted) for piece in given), Form(() if single else None))

    @property
    def flat(self) -> "Compressed":
        """What a backend takes for V: the batch itself."""
        return self

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.columns[0].dtype)

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        return tuple((int(f), int(n)) for f, n in (piece.shape for piece in self.columns))

    def check_nonnegative(self, name: str = "V") -> None:
        """Raise unless every entry is finite and ≥ 0."""
        for piece in self.columns:
            if piece.nnz == 0:
                continue
            low, high = piece.data.min(), piece.data.max()
            if not (np.isfinite(low) and np.isfinite(high)):
                raise ValueError(f"{name} contains NaN or infinity; remove them.")
            if low < 0:
                raise ValueError(f"{name} contains negative values (minimum {low:g}); it must be nonnegative.")

    def check_divergence(self, beta: float) -> None:
        """Raise where β ≤ 0 and an entry is zero: the divergence is infinite there."""
        if beta <= 0 and any(piece.nnz < piece.shape[0] * piece.shape[1] for piece in self.columns):
            raise ValueError(
                f"beta={beta:g} is infinite at the zeros of a sparse V; use a positive beta, or add a small constant "
                "to V and give it as a dense array."
            )

    @property
    def home(self) -> Any:
        """The module of the arrays inside: NumPy, or CuPy."""
        return namespace(self.columns[0].data)

    def to(self, xp: Any) -> "Compressed":
        """In host memory (NumPy) or on the device (CuPy)."""
        if xp is self.home:
            return self
        if xp is np:
            return replace(self, columns=tuple(piece.get() for piece in self.columns))
        import cupyx

        return replace(self, columns=tuple(cupyx.scipy.sparse.csc_matrix(piece) for piece in self.columns))

    def peaks(self) -> NDArray[np.float64]:
        """The largest entry of each matrix."""
        return np.array([float(piece.data.max()) if piece.nnz else 0.0 for piece in self.columns])

    def pieces(self) -> list[Any]:
        return list(self.columns)

    def times(self, factors: NDArray[np.float64]) -> "Compressed":
        """The matrices, each multiplied by its factor."""
        scaled = (piece * piece.dtype.type(factor) for piece, factor in zip(self.columns, factors, strict=True))
        return replace(self, columns=tuple(scaled))

    def transposed(self) -> "Compressed":
        """The batch with every matrix transposed, compressed by its own columns."""
        return replace(self, columns=tuple(_canonical(piece.T, self.dtype) for piece in self.columns))


def number(table: Table, copies: int) -> None:
    """Let V_AT of a table name the matrix that each problem factorizes, in place of an offset."""
    table[:, V_AT] = np.arange(len(table)) // copies


def _canonical(piece: Any, dtype: np.dtype[Any]) -> Any:
    """A CSC matrix of that type, its rows sorted within columns, without duplicates and stored zeros.

    The user's own where it is such a matrix.
    """
    out = piece.tocsc()
    out = out if out.dtype == dtype else out.astype(dtype)
    if out.has_canonical_format and out.data.all():
        return out
    if out is piece or out.data is getattr(piece, "data", None):
        out = out.copy()
    out.sum_duplicates()
    out.eliminate_zeros()
    return out
