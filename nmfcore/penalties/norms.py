"""Elementwise penalties λ‖H‖₁ and (λ/2)‖H‖²."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class L1:
    """λ Σ h: fewer and smaller entries.

    Monotone with the MM exponent for every β ≤ 2 (the term is linear).

    >>> L1(0.5).value(np.ones((2, 3)))
    3.0
    """

    lam: float
    factor: str = "H"

    def __post_init__(self) -> None:
        _check(self.lam, self.factor)

    def split(self, H: NDArray[Any]) -> tuple[None, NDArray[Any]]:
        return None, np.full_like(H[:, :1], self.lam)

    def value(self, H: NDArray[Any]) -> float:
        return float(self.lam * H.sum(dtype=np.float64))


@dataclass(frozen=True)
class L2:
    """(λ/2) Σ h²: smaller entries, shared among components.

    Its gradient λh joins the denominator: exact and monotone for β = 2; for other β a heuristic that is
    monotone in practice for small λ.

    >>> L2(0.5).value(np.ones((2, 4)))
    2.0
    """

    lam: float
    factor: str = "H"

    def __post_init__(self) -> None:
        _check(self.lam, self.factor)

    def split(self, H: NDArray[Any]) -> tuple[None, NDArray[Any]]:
        return None, self.lam * H

    def value(self, H: NDArray[Any]) -> float:
        return float(0.5 * self.lam * np.vdot(H, H))


def _check(lam: float, factor: str) -> None:
    if not 0 <= lam < np.inf:
        raise ValueError(f"lam={lam!r} must be finite and nonnegative.")
    if factor not in ("W", "H"):
        raise ValueError(f"factor={factor!r} must be 'W' or 'H'.")
