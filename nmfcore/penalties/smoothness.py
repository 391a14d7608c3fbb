"""Temporal smoothness of the activations, and the exact minimum of majorisers that it shares with couplings."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
NEWTON_STEPS = 40  # far more than the quadratic convergence needs; the loop ends when nothing moves


@dataclass(frozen=True)
class Smoothness:
    """λ Σ_k Σ_n (h_kn − h_k(n−1))²: activations that change slowly from frame to frame.

    Virtanen, "Monaural sound source separation by NMF with temporal continuity", TASLP 2007, without the division by
    the power: give :class:`UnitSum` with it, else H shrinks while W grows. The update minimises the majoriser of
    divergence plus penalty exactly, and is monotone for every β ≤ 2. It cannot be combined with :class:`Coupling`,
    which has a `smoothness` of its own.

    >>> Smoothness(0.5).value(np.array([[0.0, 2.0, 2.0]]))
    2.0
    """

    lam: float
    factor: str = "H"

    def __post_init__(self) -> None:
        if not 0 <= self.lam < np.inf:
            raise ValueError(f"lam={self.lam!r} must be finite and nonnegative.")
        if self.factor not in ("W", "H"):
            raise ValueError(f"factor={self.factor!r} must be 'W' or 'H'.")

    def split(self, H: Array) -> tuple[None, None]:
        return None, None

    def value(self, H: Array) -> float:
        return roughness(H, self.lam)

    def update(self, H: Array, neg: Array, pos: Array, beta: float, exponent: float) -> None:
        a, c, b, q = data_slope(H, neg, pos, beta)
        a_smooth, c_smooth = smooth_slope(H, self.lam)
        root = positive_root(a + a_smooth, c + c_smooth, b, q)
        H[...] = np.where(np.isfinite(root), root, H)  # infinite where nothing has a slope


def roughness(H: Array, lam: float) -> float:
    """λ Σ (h_n − h_(n−1))²."""
    return float(lam * (np.diff(H.astype(np.float64), axis=1) ** 2).sum()) if lam else 0.0


def smooth_slope(H: Array, lam: float) -> tuple[Array, Array]:
    """(a, c): the majoriser of the smoothness penalty has the slope a h + c, from the midpoints of neighbours.

    (h_n − h_(n−1))² ≤ 2 (h_n − m)² + 2 (h_(n−1) − m)², m their midpoint now (De Pierro 1995). a is (1, N).
    """
    middle = (H[:, 1:].astype(np.float64) + H[:, :-1]) / 2
    pull, neighbours = np.zeros_like(H, np.float64), np.zeros_like(H[:1], np.float64)
    for side in (np.s_[:, 1:], np.s_[:, :-1]):
        pull[side] += middle
        neighbours[side] += 1
    return 4 * lam * neighbours, -4 * lam * pull


def data_slope(H: Array, neg: Array, pos: Array, beta: float) -> tuple[Array, Array, Array, float]:
    """(a, c, b, q): the majoriser of D_β at H has the slope a h + c − b h^(−q) in each entry, with a, b ≥ 0.

    Exact MM (Févotte and Idier 2011) for β ≤ 1 and β = 2; between them its powers of h are widened to log and square.
    """
    if beta > 2:
        raise ValueError(f"Coupling and Smoothness need beta ≤ 2, got {beta:g}.")
    h, neg, pos = (part.astype(np.float64) for part in (H, neg, pos))
    nothing = np.zeros_like(h)
    if beta <= 1:
        return nothing, pos, neg * h ** (2 - beta), 2 - beta
    square = pos / np.maximum(h, 1e-150)  # zeros stay; squares of this do not overflow
    if beta == 2:
        return square, -neg, nothing, 1.0
    return square, nothing, neg * h, 1.0


def positive_root(a: Any, c: Any, b: Any, q: float) -> Array:
    """The h ≥ 0 where the increasing a h + c − b h^(−q) vanishes, elementwise; a, b ≥ 0, q ≥ 1; ∞ where it never does.

    A quadratic for q = 1. Else Newton's iteration from the left, which the concave function lets rise to the root.

    >>> positive_root(np.array([1.0]), np.array([-1.0]), np.array([6.0]), 1.0), positive_root(1.0, 0.0, 8.0, 2.0)
    (array([3.]), array(2.))
    """
    a, c, b = np.broadcast_arrays(a, c, b)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if q == 1:
            spread = np.sqrt(c * c + 4 * a * b)
            root = np.where(c > 0, 2 * b / (spread + c), (spread - c) / (2 * a))
            return np.where((a == 0) & (c <= 0), np.inf, root)
        rising = np.minimum((b / (2 * c)) ** (1 / q), (b / (2 * a)) ** (1 / (q + 1)))
        h = np.where(c > 0, rising, np.maximum((b / a) ** (1 / (q + 1)), -c / a))
        for _ in range(NEWTON_STEPS):
            pull = b * h**-q
            step = np.where(b > 0, (pull - c - a * h) / (a + q * pull / h), 0)
            if not (step > 1e-15 * h).any():
                break
            h = h + np.maximum(step, 0)
        return np.where(b > 0, h, np.where(c >= 0, 0, -c / a))
