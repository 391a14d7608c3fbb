"""What a fit is asked to do, checked before anything is done."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.divergence import as_exponent, is_number
from nmfcore.penalties import L1, L2, Penalty, Started

Callback = Callable[[int, NDArray[np.float64]], Any]
Rule = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]]


def check_counts(**counts: int) -> None:
    """Raise unless every count is a whole number ≥ 1; the message names it."""
    for name, value in counts.items():
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{name}={value!r} must be a whole number ≥ 1.")


def listed(penalties: Any) -> tuple[Penalty | Started, ...]:
    """The penalties, which were given as a list or the like."""
    if not isinstance(penalties, Iterable):
        raise ValueError(f"penalties={penalties!r} must be a list of penalties.")
    return tuple(penalties)


def generator(seed: Any) -> np.random.Generator | np.random.RandomState:
    """The random numbers that a seed stands for; a generator, which goes on from where it is, is taken as given."""
    if isinstance(seed, np.random.RandomState):
        return seed
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise ValueError(f"seed={seed!r} must be a whole number ≥ 0, a Generator, a RandomState or None.") from error


@dataclass(frozen=True)
class Options:
    """The settings of the loop, as :func:`nmfcore.nmf` describes them.

    Raises:
        ValueError: naming the argument, its value and the remedy.
    """

    beta: float
    weighted: bool
    penalties: tuple[Penalty | Started, ...]
    solver: str
    exponent: float | str
    normalize: bool
    acceleration: str | None
    n_iter: int
    tol: float | Rule
    check_every: int
    n_restarts: int
    keep: str
    callback: Callback | None

    def __post_init__(self) -> None:
        as_exponent(self.exponent, self.beta)
        check_counts(n_iter=self.n_iter, check_every=self.check_every, n_restarts=self.n_restarts)
        if self.acceleration not in (None, "extrapolation"):
            raise ValueError(f"acceleration={self.acceleration!r} must be None or 'extrapolation'.")
        if self.acceleration and self.normalize:
            raise ValueError("acceleration cannot be combined with normalize=True; normalize W after the fit instead.")
        if self.acceleration and any(isinstance(one, Started) for one in self.penalties):
            raise ValueError("acceleration knows no penalties with unknowns or constraints; leave one of them out.")
        if not callable(self.tol) and not (is_number(self.tol) and self.tol >= 0):
            raise ValueError(f"tol={self.tol!r} must be a number ≥ 0, or a function of three objectives.")
        if self.callback is not None and not callable(self.callback):
            raise ValueError(f"callback={self.callback!r} must be a function of the iteration and the objectives.")
        if self.keep not in ("best", "all"):
            raise ValueError(f"keep={self.keep!r} must be 'best' or 'all'.")
        for penalty in self.penalties:
            if not hasattr(penalty, "factor"):
                raise ValueError(f"penalties: {penalty!r} is none; use those of nmfcore.penalties.")
            if penalty.factor not in ("W", "H"):
                raise ValueError(f"penalties: factor={penalty.factor!r} of {penalty!r} must be 'W' or 'H'.")
        if self.solver not in ("mu", "cd"):
            raise ValueError(f"solver={self.solver!r} must be 'mu' or 'cd'.")
        if self.descends:
            self._check_descent()

    def _check_descent(self) -> None:
        """Raise where coordinate descent cannot do what is asked."""
        if self.beta != 2:
            raise ValueError(f"solver='cd' needs beta=2, got {self.beta:g}; use solver='mu'.")
        if self.weighted:
            raise ValueError("solver='cd' takes no weights=; use solver='mu'.")
        other = [penalty for penalty in self.penalties if not isinstance(penalty, (L1, L2))]
        if other:
            raise ValueError(f"solver='cd' knows the penalties L1 and L2 only, not {other[0]!r}; use solver='mu'.")
        if self.acceleration:
            raise ValueError("solver='cd' cannot be accelerated; use solver='mu'.")
        if callable(self.tol):
            raise ValueError("solver='cd' needs a number for tol=, since it stops by its gradients.")

    @property
    def descends(self) -> bool:
        """Whether the solver is coordinate descent."""
        return self.solver == "cd"

    @property
    def gamma(self) -> float:
        """The exponent of a multiplicative update without penalties."""
        return as_exponent(self.exponent, self.beta)

    @property
    def rule(self) -> Rule | None:
        """Which problems are settled, from the first, the previous and the present objectives; None never looks."""
        if callable(self.tol) or self.descends:
            return self.tol if callable(self.tol) else None
        tol = self.tol
        return (lambda first, before, now: before - now <= tol * np.abs(first)) if tol > 0 else None
