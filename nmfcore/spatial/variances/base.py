"""What all variance models share.

Recordings of one shape stand side by side, as :mod:`nmfcore.spatial.batch` has it: variances are (J, B, F, N), patterns
(…, B, F, K) and activations (…, B, K, N). Random starts are drawn once, for all of them.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.layout import placed
from nmfcore.penalties import GroupSparsity

Array = NDArray[Any]
FLOOR = 1e-12  # of the mixture's mean power: no variance falls below


@dataclass(frozen=True)
class Sparsity:
    """What is asked of the activations of trained patterns: see :class:`nmfcore.penalties.GroupSparsity`."""

    lam: float = 0.0
    mix: float = 0.2
    kind: str = "mixed"
    gamma: float | str = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.lam < np.inf:
            raise ValueError(f"lam={self.lam!r} must be finite and nonnegative.")

    def penalties(self, groups: list[tuple[slice, ...]]) -> list[GroupSparsity]:
        """The penalty on these groups, if there is one."""
        if not groups or self.lam == 0:
            return []
        return [GroupSparsity(groups, self.lam, self.gamma, self.kind, self.mix)]


class VarianceModel(ABC):
    """How the variances of the sources are constrained."""

    sources: tuple[str, ...]

    @abstractmethod
    def start(self, power: Array, patterns: Array | None = None) -> Array:
        """Variances (J, B, F, N) to start from; `power` (B, F, N): mean over channels; `patterns`: an earlier fit's."""

    @abstractmethod
    def constrain(self, v: Array) -> Array:
        """Constrained variances (J, B, F, N) from those of the spatial step."""

    def factors(self) -> tuple[Array, Array] | None:
        """Patterns and activations, where there are any."""
        return None

    def restore(self, H: Array) -> Array:
        """Variances (J, B, F, N) with the activations of an earlier fit."""
        raise TypeError(f"{type(self).__name__} has no activations")

    @abstractmethod
    def move(self, xp: Any) -> None:
        """Bring patterns and activations to where the backend works: NumPy's memory or CuPy's."""


class Factored(VarianceModel):
    """A variance model of patterns W and activations H."""

    W: Array
    H: Array

    def factors(self) -> tuple[Array, Array]:
        return self.W, self.H

    def move(self, xp: Any) -> None:
        self.W, self.H = placed(self.W, xp), placed(self.H, xp)


class Climbing(Factored):
    """Patterns and activations that climb the likelihood of the recording itself, by its gradient in the variances."""

    reach: Array | float = 1.0  # length of a step, or (B, 1, 1), see :class:`nmfcore.spatial.relaxation.Relaxation`

    @property
    @abstractmethod
    def turns(self) -> tuple[str, ...]:
        """The factors that are updated in turn, each from a gradient of its own; patterns first, as in multichannel
        NMF.
        """

    @abstractmethod
    def ascend(self, factor: str, neg: Array, pos: Array) -> Array:
        """Variances after one update of ``"W"`` or ``"H"`` from the gradient's parts in v, (J, B, F, N) each."""


def root_ratio(above: Array, below: Array) -> Array:
    """√(above / below), 0 where there is nothing below."""
    some = below > 0
    # Rounding may make a sum of squares negative where the channels are copies of each other.
    return np.sqrt(np.where(some, np.maximum(above, 0) / np.where(some, below, 1), 0))


def fitting(patterns: Array, shape: tuple[int, ...]) -> Array:
    """The patterns of an earlier fit, if they are as many as here: `shape` is (F, K)."""
    if patterns.shape[-2:] != shape:
        raise ValueError(
            f"resume has patterns W of shape {patterns.shape[-2:]} and this fit {shape}; use the same dictionary, free "
            "and n_components."
        )
    return patterns
