"""Soft coupling: activations that follow a target up to one scale per component."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends import Backend
from nmfcore.layout import Ending
from nmfcore.penalties.data import matrix_of
from nmfcore.penalties.smoothness import data_slope, positive_root, roughness, smooth_slope

Array = NDArray[Any]
NORMS = ("l1", "l2")


@dataclass(frozen=True)
class Coupling:
    """α ‖H − S T‖, S diagonal and free, and λ Σ (h_n − h_(n−1))².

    The coupling of Parekh (thesis, 2019), eq. 3.2, after Seichepine et al. (2014), there on activations whose patterns
    sum to one: give :class:`UnitSum` with it. The update is exact: S by a weighted median (ℓ1) or least squares (ℓ2)
    for the H at hand, a common factor of H and S, then H at the minimum of the majoriser of everything, kink included.
    Monotone for every β ≤ 2.

    Args:
        target: T (K_t, N) ≥ 0, one for all problems, or one for each in the form of V; it couples the first
            K_t ≤ K components.
        alpha: α ≥ 0.
        smoothness: λ ≥ 0, of all components.
        norm: ``"l1"`` or ``"l2"`` (squared).

    >>> from nmfcore import nmf
    >>> from nmfcore.penalties import UnitSum
    >>> T = np.array([[1.0, 2, 0], [0, 1, 3]])
    >>> V = np.array([[2.0, 1], [1, 4]]) @ T
    >>> fit = nmf(V, 2, penalties=[UnitSum(), Coupling(T, alpha=5.0)], n_iter=100, seed=0)
    >>> bool(np.abs(fit.H - fit.penalties[0][1].scale(fit.H) * T).max() < 1e-6)
    True
    """

    target: Any
    alpha: float
    smoothness: float = 0.0
    norm: str = "l1"
    factor: str = "H"

    def __post_init__(self) -> None:
        for name in ("alpha", "smoothness"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name}={getattr(self, name)!r} must be finite and nonnegative.")
        if self.norm not in NORMS:
            raise ValueError(f"norm={self.norm!r} is not known; use one of {NORMS}.")
        if self.factor not in ("W", "H"):
            raise ValueError(f"factor={self.factor!r} must be 'W' or 'H'.")

    def start(self, problem: int, count: int, Wt: Array, H: Array, engine: Backend) -> "Coupled":
        rows, width = (H if self.factor == "H" else Wt).shape
        target = matrix_of(self.target, "target", problem, count)
        if target.shape[0] > rows or target.shape[1] != width:
            raise ValueError(f"target has shape {target.shape} for activations of shape {(rows, width)}.")
        padded = np.zeros((rows, width))
        padded[: len(target)] = target
        peak = padded.max(1, keepdims=True)
        peak[peak == 0] = 1
        alpha = self.alpha * (np.arange(rows) < len(target))[:, None]
        padded, peak, alpha = (np.asarray(one, dtype=np.float64, like=H) for one in (padded / peak, peak, alpha))
        return Coupled(padded, peak, alpha, self.smoothness, self.norm, self.factor)


@dataclass(frozen=True)
class Coupled:
    """A :class:`Coupling` of one problem: rows of the target over their peaks (K, N), the peaks (K, 1), α (K, 1)."""

    target: Array
    peak: Array
    alpha: Array
    smoothness: float
    norm: str
    factor: str

    def split(self, H: Array) -> tuple[None, None]:
        return None, None

    def scale(self, H: Array) -> Array:
        """S (K, 1): the best scale of each row of the target that was given."""
        return self._scale(H) / self.peak

    def _scale(self, H: Array) -> Array:
        return (scaled_median if self.norm == "l1" else scaled_mean)(H.astype(np.float64), self.target)

    def value(self, H: Array) -> float:
        away = np.abs(H - self._scale(H) * self.target)
        distance = away if self.norm == "l1" else away**2
        return float((self.alpha * distance).sum()) + roughness(H, self.smoothness)

    def update(self, H: Array, neg: Array, pos: Array, beta: float, exponent: float) -> None:
        a, c, b, q = data_slope(H, neg, pos, beta)
        y = self._scale(H) * self.target
        size = self.common_scale(H.astype(np.float64), y, a, c, b, q)
        y *= size
        if self.smoothness:
            a_smooth, c_smooth = smooth_slope(size * H, self.smoothness)
            a, c = a + a_smooth, c + c_smooth
        H[...] = follow(y, a, c, b, q, self.alpha, self.norm)

    def ending(self, rank: int, beta: float, exponent: float) -> Ending | None:
        if beta != 1 or self.norm != "l1":
            return None
        return Ending("coupling", coupling=(self.target, self.alpha[:, 0], float(self.smoothness)))

    def common_scale(self, h: Array, y: Array, a: Array, c: Array, b: Array, q: float) -> Array:
        """The factor (K, 1) of each row of H and S together that is best for the majoriser and the penalty.

        Where α is large, H lies on S T and neither could move alone.
        """
        away = np.abs(h - y)
        line, square = (c * h).sum(1), (a * h * h).sum(1)
        if self.norm == "l1":
            line += self.alpha[:, 0] * away.sum(1)
        else:
            square += 2 * self.alpha[:, 0] * (away**2).sum(1)
        if self.smoothness:
            square += 2 * self.smoothness * (np.diff(h, axis=1) ** 2).sum(1)
        pull = np.where(b > 0, b * np.where(b > 0, h, 1) ** (1 - q), 0).sum(1)
        size = positive_root(square, line, pull, q)
        return np.where(np.isfinite(size) & (size > 0), size, 1)[:, None]


def follow(y: Array, a: Any, c: Any, b: Array, q: float, alpha: Array, norm: str) -> Array:
    """The h ≥ 0 at the minimum of α|h − y| (ℓ1) or α(h − y)² plus what has the slope a h + c − b h^(−q).

    >>> follow(np.array([5.0, 1.0, 2.0]), 0.0, 1.0, np.array([3.0, 3.0, 2.1]), 1.0, np.array(0.2), "l1")
    array([3.75, 2.5 , 2.  ])
    """
    if norm == "l2":
        root = positive_root(a + 2 * alpha, c - 2 * alpha * y, b, q)
        return np.where(np.isfinite(root), root, y)  # infinite where nothing has a slope
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        slope = a * y + c - np.where(b > 0, b / y**q, 0)  # of the rest at the kink: it tells the side of the minimum
    side = (slope < -alpha) * 1.0 - (slope > alpha)
    return np.where(side == 0, y, positive_root(a, c + side * alpha, b, q))


def scaled_median(H: Array, target: Array) -> Array:
    """The s (K, 1) that minimise Σ_n |h_kn − s_k t_kn|: weighted medians of h/t with the weights t.

    >>> scaled_median(np.array([[2.0, 4.0, 90.0]]), np.array([[1.0, 2.0, 1.0]]))
    array([[2.]])
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.where(target > 0, H / target, 0)
    order = np.argsort(ratio, axis=1)
    below = np.cumsum(np.take_along_axis(target, order, 1), axis=1)
    at = np.argmax(below >= below[:, -1:] / 2, axis=1)[:, None]
    return np.where(below[:, -1:] > 0, np.take_along_axis(ratio, np.take_along_axis(order, at, 1), 1), 0)


def scaled_mean(H: Array, target: Array) -> Array:
    """The s (K, 1) that minimise Σ_n (h_kn − s_k t_kn)².

    >>> scaled_mean(np.array([[2.0, 4.0]]), np.array([[1.0, 2.0]]))
    array([[2.]])
    """
    power = (target**2).sum(1, keepdims=True)
    return (H * target).sum(1, keepdims=True) / np.where(power > 0, power, 1)
