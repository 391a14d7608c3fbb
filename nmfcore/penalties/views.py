"""Other views of what a matrix shows: a second factorization whose activations are, or follow, those of the first."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore import layout
from nmfcore.backends import Backend
from nmfcore.divergence import level_floor, mm_exponent
from nmfcore.init import initial_factors
from nmfcore.layout import K0, K1, Half, Table
from nmfcore.penalties.coupling import Coupled, follow
from nmfcore.penalties.data import matrix_of
from nmfcore.penalties.smoothness import data_slope

Array = NDArray[Any]
GONE = 1e-100  # activations below this have no shape that anything could follow


@dataclass(frozen=True)
class View:
    """γ D_β(V₂ | W₂ H₂) with W₂ unknown and H₂ = H: hard co-factorization; or with some rows shared: partial.

    Parekh (thesis, 2019), §2.1.2; partial: Duong (HDR), §1.5.1. Monotone with the MM exponent for any divergences.
    W₂ and H₂ are found in :attr:`nmfcore.Result.penalties`.

    Args:
        V: (F₂, N) ≥ 0, one for all problems, or one for each in the form of the first view.
        beta: the divergence of this view.
        weight: γ ≥ 0.
        shared: how many of the first components this view has too; None: all of them.
        own: components that only this view has.
        seed: of the start of W₂; a Generator gives every problem and restart another one.
    """

    V: Any
    beta: float = 1.0
    weight: float = 1.0
    shared: int | None = None
    own: int = 0
    seed: int | np.random.Generator | None = None
    factor: str = "H"

    def __post_init__(self) -> None:
        _check(self.weight, "weight")

    def start(self, problem: int, count: int, Wt: Array, H: Array, engine: Backend) -> "Viewed":
        h = H if self.factor == "H" else Wt
        shared = len(h) if self.shared is None else self.shared
        if not 0 <= shared <= len(h):
            raise ValueError(f"shared={shared} must lie in 0…{len(h)}, the components of the first view.")
        model = _Factors.start(self.V, self.beta, shared + self.own, problem, count, h, engine, self.seed)
        model.H[:shared] = h[:shared]
        return Viewed(model, self.beta, self.weight, shared, self.factor)


@dataclass(frozen=True)
class Viewed:
    """A :class:`View` of one problem, with its factors."""

    model: "_Factors"
    beta: float
    weight: float
    shared: int
    factor: str

    def split(self, H: Array) -> tuple[Array, Array]:
        self.model.H[: self.shared] = H[: self.shared]
        both = self.model.gradient(0, self.shared)
        neg, pos = (np.zeros_like(H) for _ in both)
        for out, part in zip((neg, pos), both, strict=True):
            out[: self.shared] = self.weight * part[: self.shared]
        return neg, pos

    def value(self, H: Array) -> float:
        self.model.H[: self.shared] = H[: self.shared]
        return self.weight * self.model.divergence()

    def advance(self, H: Array) -> None:
        self.model.H[: self.shared] = H[: self.shared]
        self.model.update_h(self.shared, len(self.model.H))
        self.model.update_w()


@dataclass(frozen=True)
class CoupledView:
    """γ D_β(V₂ | W₂ H₂) + δ ‖H − S H₂‖ with W₂, H₂ and the diagonal S unknown: soft co-factorization.

    Seichepine et al., "Soft nonnegative matrix co-factorization", IEEE Transactions on Signal Processing 2014; columns
    of W₂ sum to one, and those of W must: give :class:`UnitSum` with it. All blocks are updated exactly; monotone
    where both views have β = 1.

    Args:
        V: (F₂, N) ≥ 0, one for all problems, or one for each in the form of the first view.
        delta: δ ≥ 0.
        beta: the divergence of this view, β ≤ 2.
        weight: γ ≥ 0.
        norm: ``"l1"`` or ``"l2"`` (squared).
        seed: as of :class:`View`.
    """

    V: Any
    delta: float
    beta: float = 1.0
    weight: float = 1.0
    norm: str = "l1"
    seed: int | np.random.Generator | None = None
    factor: str = "H"

    def __post_init__(self) -> None:
        _check(self.weight, "weight")
        _check(self.delta, "delta")
        if self.norm not in ("l1", "l2"):
            raise ValueError(f"norm={self.norm!r} must be 'l1' or 'l2'.")

    def start(self, problem: int, count: int, Wt: Array, H: Array, engine: Backend) -> "CoupledViewed":
        h = H if self.factor == "H" else Wt
        model = _Factors.start(self.V, self.beta, len(h), problem, count, h, engine, self.seed)
        model.unit_sum(keep=True)
        return CoupledViewed(model, self.delta, self.beta, self.weight, self.norm, self.factor)


@dataclass(frozen=True)
class CoupledViewed:
    """A :class:`CoupledView` of one problem, with its factors."""

    model: "_Factors"
    delta: float
    view_beta: float
    weight: float
    norm: str
    factor: str

    def split(self, H: Array) -> tuple[None, None]:
        return None, None

    def _coupling(self) -> Coupled:
        """Of H to H₂ as it is; a row that has all but vanished counts as zero."""
        target = self.model.H.astype(np.float64)
        peak = target.max(1, keepdims=True)
        target, peak = np.where(peak > GONE, target, 0), np.where(peak > GONE, peak, 1)
        return Coupled(target / peak, peak, np.full_like(peak, self.delta), 0.0, self.norm, self.factor)

    def scale(self, H: Array) -> Array:
        """S (K, 1)."""
        return self._coupling().scale(H)

    def value(self, H: Array) -> float:
        return self._coupling().value(H) + self.weight * self.model.divergence()

    def update(self, H: Array, neg: Array, pos: Array, beta: float, exponent: float) -> None:
        self._coupling().update(H, neg, pos, beta, exponent)

    def advance(self, H: Array) -> None:
        """Move H₂, towards H / S, and W₂."""
        mine, coupling = self.model.H, self._coupling()
        neg, pos = (self.weight * part for part in self.model.gradient(0, len(mine)))
        a, c, b, q = data_slope(mine, neg, pos, self.view_beta)
        s = coupling.scale(H)
        # H₂ times t and S over t leave the coupling as it is: the level of H₂ is the data's business.
        free = replace(coupling, alpha=np.zeros_like(s))
        s /= free.common_scale(mine.astype(np.float64), mine.astype(np.float64), a, c, b, q)
        alpha = self.delta * (s if self.norm == "l1" else s**2)
        mine[...] = follow(H / np.where(s > 0, s, 1), a, c, b, q, alpha, self.norm)
        self.model.update_w()
        self.model.unit_sum()


@dataclass(frozen=True)
class _Factors:
    """A factorization of one problem inside a penalty: V₂ ≈ Wtᵀ H, by the backend of the whole fit."""

    engine: Backend
    beta: float
    table: Table
    V: Array
    Vt: Array
    Wt: Array
    H: Array
    floor: Array

    @staticmethod
    def start(
        V: Any, beta: float, rank: int, problem: int, count: int, h: Array, engine: Backend, seed: Any
    ) -> "_Factors":
        given = matrix_of(V, "V of a view", problem, count)
        if given.shape[1] != h.shape[1]:
            raise ValueError(f"V of a view has {given.shape[1]} columns where the first view has {h.shape[1]}.")
        W, H = initial_factors(given, rank, "random", np.random.default_rng(seed))
        V2, Vt, Wt, H2 = (np.asarray(one, dtype=h.dtype, order="C", like=h) for one in (given, given.T, W.T, H))
        floor = level_floor(np.array([float(given.max())]), beta, h.dtype)
        return _Factors(engine, beta, layout.make_table([given.shape], [rank]), V2, Vt, Wt, H2, floor)

    def _half(self, first: int, end: int) -> Half:
        """The update of the rows first…end of H."""
        table = self.table.copy()
        table[:, [K0, K1]] = first, end
        V, Wt, H = (one.reshape(-1) for one in (self.V, self.Wt, self.H))
        return Half(table, V, Wt, H, self.beta, self.floor)

    def gradient(self, first: int, end: int) -> tuple[Array, Array]:
        """Both parts of the gradient in H, (K, N); only the rows first…end are set."""
        neg, pos = self.engine.split_gradient(self._half(first, end))
        return neg.reshape(self.H.shape), pos.reshape(self.H.shape)

    def divergence(self) -> float:
        return float(self.engine.divergence(self._half(0, 0))[0])

    def update_h(self, first: int, end: int) -> None:
        if first < end:
            self.engine.update(self._half(first, end), mm_exponent(self.beta))

    def update_w(self) -> None:
        half = self._half(0, len(self.H))
        flipped = half._replace(table=layout.transposed(half.table), V=self.Vt.reshape(-1), Wt=half.H, H=half.Wt)
        self.engine.update(flipped, mm_exponent(self.beta))

    def unit_sum(self, keep: bool = False) -> None:
        """Columns of W to sum one; with `keep` the product stays."""
        size = self.Wt.sum(1, keepdims=True)
        size[size == 0] = 1
        self.Wt[...] /= size
        if keep:
            self.H[...] *= size


def _check(value: float, name: str) -> None:
    if not 0 <= value < np.inf:
        raise ValueError(f"{name}={value!r} must be finite and nonnegative.")
