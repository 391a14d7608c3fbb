"""How a batch of problems lies in memory: flat buffers and one table.

Every batch, whether one matrix, an array of equal matrices or a ragged list, is the same thing to a backend:
the matrices of all problems one after the other in flat buffers, and a table with a row per problem that says
where each begins. A stopped problem leaves the batch by leaving the table; nothing is copied. Restarts of one
problem share its V by sharing its offset.

The patterns are kept transposed, Wt (K, F), beside H (K, N): both factors then have one row per component, and
the update of W is the update of H of the transposed problem, with the same code:

    V (F, N) ≈ Wtᵀ H         ⇔         Vᵀ (N, F) ≈ Hᵀ Wt
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Columns of the table. K0:K1 are the rows of H that an update may change.
F, N, K, V_AT, W_AT, H_AT, ROW_AT, K0, K1 = range(9)
WIDTH = 9

Array = NDArray[Any]
Table = NDArray[np.int64]


class Ending(NamedTuple):
    """What goes with the update of H in one problem, where a backend does it inside its sweeps.

    Attributes:
        kind: "unit sum", "unit norm", "coupling" or "regression", which follow it: :class:`nmfcore.penalties.UnitSum`,
            `UnitNorm` with exponent 1, `Coupling` for β = 1 and ℓ1, `Regression` for β ≠ 2; or "group sparsity",
            `GroupSparsity`, whose parts are made before it, from H as it then is.
        coupling: the target (K, N) and α (K,), in float64, and the smoothness.
        regression: the signals M (C, N) and the unknowns A (K, C), which are updated in place; λ and μ.
        groups: the block and the source of each row, −1 for none, (K,); the weights of blocks, of single rows (K,) and
            of sources; ε. With s_k the sums of the rows, pos += of_block / (ε + Σ s of the block) + of_row / (ε + s_k)
            and neg += of_source / max(Σ s of the source, ε).
    """

    kind: str
    coupling: tuple[Array, Array, float] | None = None
    regression: tuple[Array, Array, float, float] | None = None
    groups: tuple[Array, Array, Array, Array, Array, float] | None = None


class Half(NamedTuple):
    """Half of a sweep: the problems whose H is to be updated. For the update of W, the transposed problems.

    Attributes:
        table: the problems.
        V: their matrices, flat; or, for sparse ones, a :class:`nmfcore.compressed.Compressed`.
        Wt: the factor that stays.
        H: the factor that is updated in place.
        beta: the divergence.
        floor: the least Λ of each problem; where β ≤ 0 makes the divergence infinite at zero, of V too.
        weights: of the entries of V, or None.
        last: H as it was a sweep ago, laid out like H; needed, and kept, where there is momentum.
        endings: what goes with each update within sweeps, of one kind in all problems, which is among those that the
            backend knows (:attr:`nmfcore.backends.base.FactorUpdates.endings`).
    """

    table: Table
    V: Any
    Wt: Array
    H: Array
    beta: float
    floor: NDArray[np.float64]
    weights: Array | None = None
    last: Array | None = None
    endings: Sequence[Ending] | None = None

    def views(self) -> Iterator[tuple[Array, Array, Array]]:
        """V (F, N), Wt (K, F) and H (K, N) of each problem."""
        return views(self.table, self.V, self.Wt, self.H)

    def only(self, problems: list[int]) -> "Half":
        """The half of these problems alone."""
        return self._replace(table=self.table[problems], floor=self.floor[problems])


def offsets(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of several consecutive pieces begins."""
    begins = np.zeros(len(sizes), np.int64)
    np.cumsum(sizes[:-1], out=begins[1:])
    return begins


def make_table(shapes: Sequence[tuple[int, int]], ranks: Sequence[int], copies: int = 1) -> Table:
    """The table of problems of shapes (F, N) and ranks K, each repeated `copies` times on the same V."""
    shape = np.asarray(shapes, np.int64).reshape(-1, 2)
    table = np.zeros((len(shape), WIDTH), np.int64)
    table[:, [F, N]] = shape
    table[:, K] = table[:, K1] = ranks
    table[:, V_AT] = offsets(shape.prod(1))
    table = np.repeat(table, copies, axis=0)
    table[:, W_AT] = offsets(table[:, K] * table[:, F])
    table[:, H_AT] = offsets(table[:, K] * table[:, N])
    table[:, ROW_AT] = offsets(table[:, K])
    return table


def transposed(table: Table) -> Table:
    """The table of the transposed problems: F and N, W and H change places; V lies where it lay."""
    out = table.copy()
    out[:, [F, N, W_AT, H_AT]] = table[:, [N, F, H_AT, W_AT]]
    return out


def on_device(array: Any) -> bool:
    """Whether an array lies in GPU memory."""
    return hasattr(array, "__cuda_array_interface__")


def namespace(array: Any) -> Any:
    """The module that an array's functions come from: NumPy, or CuPy for an array on the device.

    >>> namespace(np.ones(3)).__name__, namespace([1, 2]).__name__
    ('numpy', 'numpy')
    """
    return sys.modules[type(array).__module__] if on_device(array) else np


def as_array(value: Any, dtype: Any = None) -> Array:
    """As `np.asarray`, and on the device for what lies there."""
    out: Array = namespace(value).asarray(value, dtype)
    return out


def host(array: Any, dtype: Any = None) -> Array:
    """An array as NumPy's: copied if it lies on a device."""
    return np.asarray(array.get() if on_device(array) else array, dtype)


def placed(array: Any, xp: Any) -> Array:
    """An array in host memory (xp is NumPy) or on the device (CuPy); itself where it already lies there."""
    out: Array = host(array) if xp is np else xp.asarray(array)
    return out


def view(flat: Array, at: int, *shape: int) -> Array:
    """One problem's matrix in a flat buffer, as a view."""
    return flat[at : at + prod(shape)].reshape(shape)


def views(table: Table, V: Array, Wt: Array, H: Array) -> Iterator[tuple[Array, Array, Array]]:
    """V (F, N), Wt (K, F) and H (K, N) of each problem, as views."""
    for f, n, k, v, w, h, *_ in table.tolist():
        yield view(V, v, f, n), view(Wt, w, k, f), view(H, h, k, n)


@dataclass(frozen=True)
class Form:
    """The form in which the user gave the batch, so that the answer has the same."""

    leading: tuple[int, ...] | None  # batch axes of an array; None for a list

    def pack(self, pieces: Sequence[Any]) -> Any:
        """One result per problem → a scalar or matrix, an array with the batch axes, or a list."""
        if self.leading is None:
            return list(pieces)
        if self.leading == ():
            return pieces[0]
        if len({np.shape(piece) for piece in pieces}) > 1:  # ranks that differ from problem to problem
            return list(pieces)
        xp = namespace(pieces[0])
        return xp.stack([xp.asarray(piece) for piece in pieces]).reshape(self.leading + np.shape(pieces[0]))

    def unpack(self, value: Any, name: str, count: int) -> list[Any]:
        """A user's array or list in this form → one piece per problem."""
        if self.leading is None:
            if not isinstance(value, (list, tuple)) or len(value) != count:
                raise ValueError(f"{name} must be a list of {count} arrays, one for each matrix of V.")
            return list(value)
        value = as_array(value)
        lead = len(self.leading)
        if value.shape[:lead] != self.leading:
            raise ValueError(f"{name} has shape {value.shape}; its batch axes must be V's, {self.leading}.")
        return list(value.reshape((count,) + value.shape[lead:]))


@dataclass(frozen=True)
class Matrices:
    """The user's V (or weights) of a batch in one flat buffer, without a copy where it already lies so.

    `turned` is the flat buffer of the transposed matrices, where the user's own array is one.
    """

    flat: Array
    shapes: tuple[tuple[int, int], ...]
    form: Form
    turned: Array | None = None

    @staticmethod
    def of(value: Any, name: str = "V", dtype: np.dtype[Any] | None = None) -> "Matrices":
        """From one matrix (F, N), a batch (…, F, N) or a list of matrices; raises a ValueError on anything else.

        >>> Matrices.of([np.ones((2, 3)), np.ones((2, 5))]).shapes
        ((2, 3), (2, 5))
        """
        form, turned = Form(None), None
        if isinstance(value, (list, tuple)) and any(np.ndim(piece) == 2 for piece in value):
            xp = namespace(value[0])
            pieces = [xp.asarray(piece) for piece in value]
            for b, piece in enumerate(pieces):
                if piece.ndim != 2 or piece.dtype.kind not in "fiub":
                    raise ValueError(
                        f"{name} must be a list of real matrices; number {b} has shape {piece.shape}, "
                        f"dtype {piece.dtype}."
                    )
            wanted = dtype or working_dtype(*pieces)
            flat = xp.concatenate([xp.ascontiguousarray(piece, wanted).reshape(-1) for piece in pieces])
            shapes = tuple((int(piece.shape[0]), int(piece.shape[1])) for piece in pieces)
        else:
            xp = namespace(value)
            array = xp.asarray(value)
            if array.ndim < 2 or array.dtype.kind not in "fiub":
                raise ValueError(
                    f"{name} must be a real matrix (F, N), a batch (…, F, N) or a list of matrices; "
                    f"got shape {array.shape}, dtype {array.dtype}."
                )
            form = Form(array.shape[:-2])
            flat = xp.ascontiguousarray(array, dtype or working_dtype(array)).reshape(-1)
            if array.ndim == 2 and array.flags.f_contiguous and array.dtype == flat.dtype:
                turned = array.T.reshape(-1)
            count = int(np.prod(array.shape[:-2]))
            shapes = ((int(array.shape[-2]), int(array.shape[-1])),) * count
        if not shapes or any(f == 0 or n == 0 for f, n in shapes):
            raise ValueError(f"{name} is empty: every matrix needs at least one row and one column.")
        return Matrices(flat, shapes, form, turned)

    def check_nonnegative(self, name: str = "V") -> None:
        """Raise unless every entry is finite and ≥ 0."""
        low, high = float(self.flat.min()), float(self.flat.max())  # NaN propagates through both
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError(f"{name} contains NaN or infinity; remove them or give them weight 0 with weights=.")
        if low < 0:
            raise ValueError(f"{name} contains negative values (minimum {low:g}); it must be nonnegative.")

    @property
    def home(self) -> Any:
        """The module of the arrays: NumPy, or CuPy."""
        return namespace(self.flat)

    def to(self, xp: Any) -> "Matrices":
        """In host memory (NumPy) or on the device (CuPy)."""
        return self if xp is self.home else Matrices(placed(self.flat, xp), self.shapes, self.form)

    def peaks(self) -> NDArray[np.float64]:
        """The largest entry of each matrix."""
        if len(set(self.shapes)) == 1:
            return host(self.flat.reshape(len(self.shapes), -1).max(1), np.float64)
        return np.array([float(piece.max()) for piece in self.pieces()])

    def with_missing(self, weights: "Matrices") -> "Matrices":
        """With the mean of its matrix at every entry of weight 0, whatever stood there."""
        missing = weights.flat == 0
        if not missing.any():
            return self
        flat = self.home.where(missing, self.flat.dtype.type(0), self.flat)
        filled = Matrices(flat, self.shapes, self.form)
        for piece, weight in zip(filled.pieces(), weights.pieces(), strict=True):
            gone = weight == 0
            piece[gone] = piece.sum(dtype=np.float64) / max(int((~gone).sum()), 1)
        return filled

    def times(self, factors: NDArray[np.float64]) -> "Matrices":
        """A copy with each matrix multiplied by its factor."""
        scaled = [piece * piece.dtype.type(factor) for piece, factor in zip(self.pieces(), factors, strict=True)]
        return Matrices(self.home.concatenate([piece.reshape(-1) for piece in scaled]), self.shapes, self.form)

    def pieces(self) -> list[Array]:
        """The matrices, as views."""
        at = offsets(np.asarray(self.shapes, np.int64).prod(1))
        return [view(self.flat, int(a), *shape) for a, shape in zip(at, self.shapes, strict=True)]

    def transposed(self) -> "Matrices":
        """With every matrix transposed: a contiguous copy, unless there is one."""
        flat = self.turned
        if flat is None:
            flat = np.empty_like(self.flat)
            at = 0
            for piece in self.pieces():
                view(flat, at, *piece.shape[::-1])[...] = piece.T
                at += piece.size
        return Matrices(flat, tuple((n, f) for f, n in self.shapes), self.form, self.flat)


def working_dtype(*arrays: Array) -> np.dtype[Any]:
    """float32 stays float32; everything else is computed in float64."""
    return np.dtype(np.float32 if all(a.dtype == np.float32 for a in arrays) else np.float64)
