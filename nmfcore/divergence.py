"""The β-divergence: names, exponents that make an update monotone, and the elementwise definition."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.layout import as_array

LARGEST = 1e300  # what overflows counts as this: a sum of some is still a number
NAMES = {"frobenius": 2.0, "kullback-leibler": 1.0, "itakura-saito": 0.0}


def as_beta(beta: float | str) -> float:
    """β as a number; scikit-learn's names are understood.

    >>> as_beta("kullback-leibler")
    1.0
    """
    if isinstance(beta, str):
        if beta not in NAMES:
            raise ValueError(f"beta={beta!r} is not known; use a number or one of {sorted(NAMES)}.")
        return NAMES[beta]
    if not (is_number(beta) and np.isfinite(float(beta))):
        raise ValueError(f"beta={beta!r} must be a finite number or one of {sorted(NAMES)}.")
    return float(beta)


def is_number(value: Any) -> bool:
    """Whether it is one real number, of Python or NumPy.

    >>> is_number(np.float32(1)), is_number("1")
    (True, False)
    """
    return isinstance(value, Real)


def powers(beta: float) -> tuple[float, float]:
    """The least and the largest power of an activation in the majoriser of D_β, 0 standing for a logarithm.

    >>> powers(0.0), powers(1.0), powers(2.0)
    ((-1.0, 1.0), (0.0, 1.0), (1.0, 2.0))
    """
    return min(beta - 1, 1.0), max(beta, 1.0)


def mm_exponent(*betas: float) -> float:
    """The exponent γ with which the multiplicative update never increases D_β, or the sum of several D_β.

    Févotte and Idier, "Algorithms for NMF with the beta-divergence", Neural Computation 2011, eq. 4.2; for sums Yang
    and Oja, "Unified development of multiplicative algorithms", IEEE Transactions on Neural Networks 2011: 1 over the
    span of all powers.

    >>> mm_exponent(0.0), mm_exponent(1.5), mm_exponent(3.0), mm_exponent(1.0, 2.0)
    (0.5, 1.0, 0.5, 0.5)
    """
    spans = [powers(beta) for beta in betas]
    return 1 / (max(high for _, high in spans) - min(low for low, _ in spans))


def as_exponent(exponent: float | str, beta: float) -> float:
    """`"mm"` (monotone), `"mu"` (the heuristic 1: faster, monotone in practice for 0 ≤ β ≤ 2) or a number in (0, 1]."""
    if exponent == "mm":
        return mm_exponent(beta)
    if exponent == "mu":
        return 1.0
    if is_number(exponent) and 0 < float(exponent) <= 1:
        return float(exponent)
    raise ValueError(f"exponent={exponent!r} must be 'mm', 'mu' or a number in (0, 1].")


def level_floor(peak: NDArray[np.float64], beta: float, dtype: Any) -> NDArray[np.float64]:
    """How small Λ may be in a problem whose V has this peak; silence counts as if its peak were 1.

    >>> level_floor(np.ones(1), 1.0, np.float64)
    array([1.e-20])
    """
    least = 1e-30 if dtype == np.float32 else 1e-70
    return np.maximum(np.where(peak > 0, peak, 1) * (1e-14 if beta < 1 else 1e-20), least)


def elementwise(v: NDArray[Any], lam: NDArray[Any], beta: float) -> NDArray[np.float64]:
    """d_β(v | λ) entry by entry, in float64; `v` may be zero where β > 0, `lam` must be positive.

    β = 2 has the ½ of the usual gradient: d = (v − λ)²/2.

    >>> elementwise(np.array([0.0, 1.0]), np.array([1.0, 2.0]), 1.0).round(4)
    array([1.    , 0.3069])
    """
    v, lam = as_array(v, np.float64), as_array(lam, np.float64)
    if beta == 2:
        return 0.5 * (v - lam) ** 2
    if beta == 1:
        return v * np.log(np.where(v > 0, v, 1) / np.where(v > 0, lam, 1)) - v + lam
    if beta == 0:
        return v / lam - np.log(v / lam) - 1
    if beta < 0:  # powers of what is near the floor overflow: of the ratio first, then of the level, and never beyond
        with np.errstate(over="ignore"):
            ratio = np.minimum((v / lam) ** beta, LARGEST) + (beta - 1) - beta * v / lam
            level = np.minimum(lam**beta, LARGEST)
            return np.minimum(np.maximum(ratio, 0) / (beta * (beta - 1)) * level, LARGEST)
    return (v**beta + (beta - 1) * lam**beta - beta * v * lam ** (beta - 1)) / (beta * (beta - 1))
