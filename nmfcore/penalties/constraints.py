"""Constraints on the scale of patterns: columns of W that sum to one, or have unit norm."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends import Backend
from nmfcore.layout import Ending

Array = NDArray[Any]


@dataclass(frozen=True)
class _Constraint:
    """A penalty that costs nothing and adds nothing: it acts by what it does to the factor."""

    factor: str = "W"

    def __post_init__(self) -> None:
        if self.factor not in ("W", "H"):
            raise ValueError(f"factor={self.factor!r} must be 'W' or 'H'.")

    def split(self, H: Array) -> tuple[None, None]:
        return None, None

    def value(self, H: Array) -> float:
        return 0.0


@dataclass(frozen=True)
class UnitSum(_Constraint):
    """Every pattern (column of W) sums to one: penalties on H then mean what they say.

    For β = 1 without weights the multiplicative update followed by a division by the sum is the exact minimiser of
    the majoriser under the constraint, hence monotone; otherwise it is a projection. The start is rescaled, WH stays.

    >>> UnitSum().value(np.ones((2, 3)))
    0.0
    """

    def start(self, problem: int, count: int, Wt: Array, H: Array, engine: Backend) -> "UnitSum":
        _rescale(self.factor, Wt, H, _sums)
        return self

    def advance(self, H: Array) -> None:
        H /= _nonzero(_sums(H))

    def ending(self, rank: int, beta: float, exponent: float) -> Ending | None:
        return Ending("unit sum")


@dataclass(frozen=True)
class UnitNorm(_Constraint):
    """Every pattern (column of W) has unit ℓ2 norm.

    The gradient is that of the objective as a function of the normalised pattern: Eggert and Körner, IJCNN 2004; Le
    Roux et al., "Sparse NMF: half-baked or well done?", 2015. Its update is a heuristic, monotone in practice.

    >>> UnitNorm().value(np.ones((2, 3)))
    0.0
    """

    def start(self, problem: int, count: int, Wt: Array, H: Array, engine: Backend) -> "UnitNorm":
        _rescale(self.factor, Wt, H, _norms)
        return self

    def update(self, H: Array, neg: Array, pos: Array, beta: float, exponent: float) -> None:
        along_neg, along_pos = ((H * part).sum(1, keepdims=True) for part in (neg, pos))
        H *= quotient(neg + H * along_pos, pos + H * along_neg) ** exponent
        H /= _nonzero(_norms(H))

    def ending(self, rank: int, beta: float, exponent: float) -> Ending | None:
        return Ending("unit norm") if exponent == 1 else None


def quotient(above: Array, below: Array) -> Array:
    """above / below, 0 where below is 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(below > 0, np.minimum(above / below, np.finfo(above.dtype).max), 0)


def _sums(rows: Array) -> Array:
    out: Array = rows.sum(1, keepdims=True)
    return out


def _norms(rows: Array) -> Array:
    out: Array = np.sqrt((rows * rows).sum(1, keepdims=True))
    return out


def _nonzero(size: Array) -> Array:
    """So that a row that has vanished stays zero."""
    return np.where(size > 0, size, 1)


def _rescale(factor: str, Wt: Array, H: Array, size_of: Any) -> None:
    """Rows of the constrained factor to unit size, their size into the other one."""
    one, other = (Wt, H) if factor == "W" else (H, Wt)
    size = _nonzero(size_of(one))
    one /= size
    other *= size
