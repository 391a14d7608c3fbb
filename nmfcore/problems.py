"""The problems of a fit: what was given of them, at which level they are computed, and from where they start."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nmfcore import layout
from nmfcore.compressed import Compressed, is_sparse, number
from nmfcore.init import initial_factors
from nmfcore.layout import H_AT, W_AT, Array, F, K, Matrices, N, Table
from nmfcore.options import check_counts


@dataclass(frozen=True)
class Data:
    """V of all problems, and the weights of its entries."""

    V: Any  # Matrices or Compressed
    weights: Matrices | None = None

    @staticmethod
    def of(V: Any, weights: Any, beta: float, dtype: np.dtype[Any] | None) -> "Data":
        """From what the user gave; raises a ValueError where it cannot be factorized."""
        if is_sparse(V):
            sparse = Compressed.of(V, "V", dtype)
            sparse.check_divergence(beta)
            if weights is not None:
                raise ValueError(
                    "weights= cannot be used with a sparse V, whose zeros are observed; give V as a dense array."
                )
            sparse.check_nonnegative("V")
            return Data(sparse)
        given, entries = Matrices.of(V, "V", dtype), None
        if weights is not None:
            entries = Matrices.of(weights, "weights", given.flat.dtype)
            entries.check_nonnegative("weights")
            if entries.shapes != given.shapes:
                raise ValueError("weights must have the shape of V, entry for entry.")
            given = given.with_missing(entries)
        given.check_nonnegative("V")
        return Data(given, entries)

    @property
    def sparse(self) -> bool:
        return isinstance(self.V, Compressed)

    def factors(self, value: Any, name: str) -> list[Any] | None:
        """A start that the user gave, one piece per matrix."""
        if is_sparse(value):
            raise ValueError(f"{name} must be dense; give {name}.toarray().")
        return None if value is None else self.V.form.unpack(value, name, len(self.V.shapes))

    def table(self, ranks: list[int], copies: int) -> Table:
        """The table of the problems, with so many restarts of each."""
        table = layout.make_table(self.V.shapes, ranks, copies)
        if self.sparse:
            number(table, copies)
        return table

    def times(self, scale: NDArray[np.float64]) -> "Data":
        """Each matrix multiplied by its factor."""
        return self if (scale == 1).all() else replace(self, V=self.V.times(scale))

    def to(self, xp: Any) -> "Data":
        """Where a backend works."""
        return Data(self.V.to(xp), None if self.weights is None else self.weights.to(xp))

    def transposed(self) -> "Data":
        """A copy with every matrix transposed."""
        return Data(self.V.transposed(), None if self.weights is None else self.weights.transposed())


@dataclass(frozen=True)
class Factors:
    """The factors of all problems, in flat buffers."""

    table: Table
    Wt: Array
    H: Array

    def of(self, b: int) -> tuple[Array, Array]:
        """Wt (K, F) and H (K, N) of problem b, as views."""
        row = self.table[b].tolist()
        return (
            layout.view(self.Wt, row[W_AT], row[K], row[F]),
            layout.view(self.H, row[H_AT], row[K], row[N]),
        )

    def stacked(self, problems: NDArray[np.intp], factor: str) -> Array | None:
        """One factor of these problems, (B, K, N) or (B, K, F), as a view; None unless they are alike and in a row."""
        rows = self.table[problems]
        flat, at, width = (self.H, rows[:, H_AT], rows[:, N]) if factor == "H" else (self.Wt, rows[:, W_AT], rows[:, F])
        size = int(rows[0, K] * width[0])
        if (rows[:, K] != rows[0, K]).any() or (width != width[0]).any() or (np.diff(at) != size).any():
            return None
        return layout.view(flat, int(at[0]), len(rows), int(rows[0, K]), int(width[0]))

    def to(self, xp: Any) -> "Factors":
        """Where a backend works."""
        return Factors(self.table, layout.placed(self.Wt, xp), layout.placed(self.H, xp))


def started(
    data: Data,
    table: Table,
    W: list[Any] | None,
    H: list[Any] | None,
    init: str,
    scale: NDArray[np.float64],
    rng: Any,
) -> Factors:
    """The factors to start from: those given, checked, or else drawn; restarts of a matrix follow one another."""
    # Made in host memory, unless the start was given on the device.
    place = layout.namespace(W[0]) if W and H and layout.on_device(H[0]) else np
    factors = Factors(
        table,
        place.empty(int(np.sum(table[:, K] * table[:, F])), data.V.flat.dtype),
        place.empty(int(np.sum(table[:, K] * table[:, N])), data.V.flat.dtype),
    )
    pieces = data.V.pieces()
    restarts = len(table) // len(pieces)
    for b in range(len(table)):
        source = b // restarts
        w, h = factors.of(b)
        w0, h0 = (None if start is None else layout.placed(start[source], place) for start in (W, H))
        if w0 is not None and scale[b] != 1:
            w0 = w0 * float(scale[b])
        if w0 is None or h0 is None:
            drawn = initial_factors(pieces[source], w.shape[0], init, rng)
            w0, h0 = (one if given is None else given for given, one in zip((w0, h0), drawn, strict=True))
        for name, value, shape in (("W", w0, w.shape[::-1]), ("H", h0, h.shape)):
            if value.shape != shape or value.dtype.kind not in "fiub":
                raise ValueError(
                    f"{name} has shape {value.shape}, dtype {value.dtype}, for a problem that needs {shape}, real."
                )
        w[...], h[...] = w0.T, h0
    # All at once: each look at a device waits for it.
    for name, given, flat in (("W", W, factors.Wt), ("H", H, factors.H)):
        if given is not None and not (flat.min() >= 0 and flat.max() < np.inf):
            raise ValueError(f"{name} must be finite and nonnegative.")
    return factors


def ranks(n_components: Any, W: list[Any] | None, H: list[Any] | None, count: int) -> list[int]:
    """K of each problem, as given or as its start has it."""
    if n_components is None:
        if W is not None:
            return [int(np.shape(w)[1]) for w in W]
        if H is not None:
            return [int(np.shape(h)[0]) for h in H]
        raise ValueError("n_components is needed where neither W nor H is given.")
    found = [n_components] * count if np.ndim(n_components) == 0 else list(n_components)
    if len(found) != count:
        raise ValueError(f"n_components has {len(found)} entries for {count} problems.")
    for rank in found:
        check_counts(n_components=rank)
    return [int(rank) for rank in found]


def number_type(dtype: DTypeLike | None) -> np.dtype[Any] | None:
    """The type to compute in; None leaves it to V."""
    if dtype is None:
        return None
    try:
        out = np.dtype(dtype)
    except TypeError:  # of another library
        out = np.dtype(object)
    if out not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype={dtype!r} must be NumPy's float32 or float64.")
    return out


def rescaling(
    peak: NDArray[np.float64], beta: float, dtype: np.dtype[Any], penalties: Sequence[Any]
) -> NDArray[np.float64]:
    """Powers of two that bring extreme levels within the range of the number type; 1 where none is needed.

    Powers of Λ overflow float32 long before V does. Penalties weigh against D, whose size follows that of V as
    V^β; so with penalties only β = 0 may be rescaled.
    """
    if penalties and beta != 0:
        return np.ones(len(peak))
    powers = np.where(peak > 0, -np.frexp(peak)[1], 0)
    limit, most = (40, 120) if dtype == np.float32 else (150, 1000)
    if not 0 <= beta <= 2:
        limit //= int(np.ceil(abs(beta))) + 1
    powers = np.clip(powers, -most, most)  # subnormal levels: the factor itself must not overflow
    powers[np.abs(powers) <= limit] = 0
    return np.ldexp(1.0, powers)
