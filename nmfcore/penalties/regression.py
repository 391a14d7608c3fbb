"""Regression: activations that explain other signals as nonnegative combinations."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends import Backend
from nmfcore.layout import Ending
from nmfcore.penalties.constraints import quotient
from nmfcore.penalties.data import matrix_of

Array = NDArray[Any]


@dataclass(frozen=True)
class Regression:
    """(λ/2) ‖M − HᵀA‖² + μ ‖A‖₁ with A ≥ 0 unknown: signals M, such as speeds, that the activations explain.

    Parekh (thesis, 2019), Algorithm 4.1 and appendix A: one multiplicative update of A after each one of H. Give
    :class:`UnitNorm` before it, else W grows while H and A shrink. The update of H is a heuristic, monotone in
    practice. A is found in :attr:`nmfcore.Result.penalties`.

    Args:
        M: (N, C) ≥ 0, one for all problems, or one for each in the form of V.
        lam: λ ≥ 0.
        mu: μ ≥ 0.

    >>> from nmfcore import nmf
    >>> from nmfcore.penalties import UnitNorm
    >>> rng = np.random.default_rng(0)
    >>> H, W = rng.gamma(0.3, size=(2, 30)), rng.random((8, 2))
    >>> fit = nmf(W @ H, 2, penalties=[UnitNorm(), Regression(H.T, lam=1.0, mu=0.0)], n_iter=500, seed=0)
    >>> bool(np.abs(fit.H.T @ fit.penalties[0][1].A - H.T).mean() < 0.01)
    True
    """

    M: Any
    lam: float
    mu: float
    factor: str = "H"

    def __post_init__(self) -> None:
        for name in ("lam", "mu"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name}={getattr(self, name)!r} must be finite and nonnegative.")
        if self.factor not in ("W", "H"):
            raise ValueError(f"factor={self.factor!r} must be 'W' or 'H'.")

    def start(self, problem: int, count: int, Wt: Array, H: Array, engine: Backend) -> "Regressed":
        h = H if self.factor == "H" else Wt
        M = matrix_of(self.M, "M", problem, count)
        if M.shape[0] != h.shape[1]:
            raise ValueError(f"M has shape {M.shape}; it needs one row for each of the {h.shape[1]} frames.")
        M = np.asarray(M, dtype=h.dtype, like=h)
        regressed = Regressed(M, np.ones_like(h, shape=(len(h), M.shape[1])), self.lam, self.mu, self.factor)
        regressed.advance(h)  # so that no A is larger than what M lets it be
        return regressed


@dataclass(frozen=True)
class Regressed:
    """A :class:`Regression` of one problem: M (N, C) and the present A (K, C)."""

    M: Array
    A: Array
    lam: float
    mu: float
    factor: str

    def split(self, H: Array) -> tuple[Array, Array]:
        return self.lam * (self.A @ self.M.T), self.lam * ((self.A @ self.A.T) @ H)

    def value(self, H: Array) -> float:
        rest = (self.M - H.T @ self.A).astype(np.float64)
        return float(self.lam / 2 * (rest**2).sum() + self.mu * self.A.sum(dtype=np.float64))

    def advance(self, H: Array) -> None:
        self.A[...] *= quotient(self.lam * (H @ self.M), self.lam * ((H @ H.T) @ self.A) + self.mu)

    def ending(self, rank: int, beta: float, exponent: float) -> Ending | None:
        if beta == 2:
            return None
        return Ending(
            "regression", regression=(np.ascontiguousarray(self.M.T), self.A, float(self.lam), float(self.mu))
        )
