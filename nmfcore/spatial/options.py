"""How the iterations of a fit go: checked, and filled in where it was left open."""

from dataclasses import dataclass

import numpy as np

from nmfcore.solve import check_counts

COVARIANCES = ("full", "diagonal")


@dataclass(frozen=True)
class Options:
    """The settings of the loop, as :func:`nmfcore.spatial.fit` describes them; `trained` if there is a dictionary.

    Raises:
        ValueError: naming the argument, its value and the remedy.

    >>> Options("nmf", False, "full", None, None, 15, None, 0, (1, 1), None).moved_by
    'mm'
    """

    variance_model: str
    trained: bool
    covariance: str
    update: str | None
    regularization: float | None
    n_iter: int
    n_inner: int | None
    n_fixed: int
    averaging: tuple[int, int]
    noise: tuple[float, float] | None

    def __post_init__(self) -> None:
        check_counts(n_iter=self.n_iter, n_inner=self.updates)
        if self.covariance not in COVARIANCES:
            raise ValueError(f"covariance={self.covariance!r} is not known; use one of {COVARIANCES}.")
        if self.covariance == "diagonal" and (self.noise is not None or self.averaging != (1, 1)):
            raise ValueError("noise and averaging need covariance='full'; leave them out with 'diagonal'.")
        if self.noise is not None and not (len(self.noise) == 2 and all(0 < level < np.inf for level in self.noise)):
            raise ValueError(f"noise={self.noise!r} must be two positive powers, at the first and the last iteration.")
        if self.update not in (None, "em", "mm") or (self.update == "mm" and not self._may_climb):
            raise ValueError(
                f"update={self.update!r} must be 'em', or 'mm' with variance_model='joint' or 'nmf' and "
                "covariance='full'."
            )

    @property
    def moved_by(self) -> str:
        """What moves R: ``"em"`` or ``"mm"``."""
        return self.update or ("mm" if self._may_climb and not self.trained else "em")

    @property
    def loading(self) -> float:
        """Share of the identity in R."""
        given = self.regularization
        return given if given is not None else {"em": 1e-5, "mm": 1e-8}[self.moved_by]

    @property
    def updates(self) -> int:
        """Multiplicative updates in each iteration."""
        climbs = self.variance_model == "joint" or self.moved_by == "mm"
        return self.n_inner if self.n_inner is not None else (1 if climbs else 10)

    def noise_at(self, iteration: int) -> float:
        """Power of the white noise at the microphones in an iteration, counted from 0."""
        if self.noise is None:
            return 0.0
        first, last = self.noise
        return float(first * (last / first) ** (iteration / max(self.n_iter - 1, 1)))

    @property
    def _may_climb(self) -> bool:
        return self.covariance == "full" and self.variance_model in ("joint", "nmf")
