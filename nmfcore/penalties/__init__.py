"""Penalties: what pulls a factor towards a wanted structure during the fit, one file each.

A penalty takes the current factor H (K, N) of one problem and gives a nonnegative addition to the numerator and to
the denominator of its multiplicative update, and its value. `factor` says which factor it acts on. What else a
penalty may do, the solver finds out by its methods: :class:`Started`, :class:`Exact`, :class:`Learning`,
:class:`Fusible`, :class:`Batched`, :class:`Divergent`.
"""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends import Backend
from nmfcore.layout import Ending
from nmfcore.penalties.constraints import UnitNorm, UnitSum
from nmfcore.penalties.coupling import Coupling
from nmfcore.penalties.group_sparsity import GroupSparsity
from nmfcore.penalties.norms import L1, L2
from nmfcore.penalties.regression import Regression
from nmfcore.penalties.smoothness import Smoothness
from nmfcore.penalties.views import CoupledView, View

__all__ = [
    "L1",
    "L2",
    "CoupledView",
    "Coupling",
    "GroupSparsity",
    "Penalty",
    "Regression",
    "Smoothness",
    "UnitNorm",
    "UnitSum",
    "View",
]


class Penalty(Protocol):
    """What the solver needs to know of a penalty."""

    @property
    def factor(self) -> str:
        """`"H"` or `"W"`; a penalty on W sees it transposed, (K, F)."""

    def split(self, H: NDArray[Any]) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
        """Additions (neg, pos) to the two parts of the gradient: (K, 1) where constant along a row, else (K, N)."""

    def value(self, H: NDArray[Any]) -> float:
        """The penalty's contribution to the objective."""


@runtime_checkable
class Started(Protocol):
    """A penalty with data or unknowns for each problem of the batch."""

    @property
    def factor(self) -> str:
        """As of a :class:`Penalty`."""

    def start(self, problem: int, count: int, Wt: NDArray[Any], H: NDArray[Any], engine: Backend) -> Penalty:
        """The penalty of one of `count` problems, given its start Wt (K, F) and H (K, N), which it may rescale."""


@runtime_checkable
class Exact(Protocol):
    """A penalty that makes the update itself, where more is known than two parts of a gradient."""

    def update(self, H: NDArray[Any], neg: NDArray[Any], pos: NDArray[Any], beta: float, exponent: float) -> None:
        """Move H in place, given the parts of the gradient of everything else; takes the place of the scaling."""


@runtime_checkable
class Learning(Protocol):
    """A penalty with unknowns of its own, or a constraint."""

    def advance(self, H: NDArray[Any]) -> None:
        """After each update of H: improve the unknowns, or bring H back to where it must be."""


@runtime_checkable
class Fusible(Protocol):
    """A penalty that a backend may know how to apply inside its sweeps, where it is the only one of its factor."""

    def ending(self, rank: int, beta: float, exponent: float) -> Ending | None:
        """What it does with an update of H (K, N), K = `rank`, for kernels; None where they do not know it."""


@runtime_checkable
class Batched(Protocol):
    """A penalty without data of single problems, whose values of many are had at once: a device is asked once."""

    @property
    def factor(self) -> str:
        """As of a :class:`Penalty`."""

    def value(self, H: NDArray[Any]) -> float:
        """As of a :class:`Penalty`."""

    def values(self, H: NDArray[Any]) -> NDArray[np.float64]:
        """Those of problems of one shape, H (B, K, N), in host memory."""


@runtime_checkable
class Divergent(Protocol):
    """A penalty that is itself a divergence: with its β the solver finds the exponent that keeps the sum monotone."""

    beta: float
