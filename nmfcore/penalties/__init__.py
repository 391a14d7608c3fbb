"""Penalties: what pulls a factor towards a wanted structure during the fit, one file each.

A penalty takes the current factor H (K, N) of one problem and gives a nonnegative addition to the numerator and to
the denominator of its multiplicative update, and its value. `factor` says which factor it acts on.
"""

from typing import Any, Protocol

from numpy.typing import NDArray

from nmfcore.penalties.group_sparsity import GroupSparsity
from nmfcore.penalties.norms import L1, L2

__all__ = ["L1", "L2", "GroupSparsity", "Penalty"]


class Penalty(Protocol):
    """What the solver needs to know of a penalty."""

    @property
    def factor(self) -> str:
        """`"H"` or `"W"`; a penalty on W sees it transposed, (K, F)."""

    def split(self, H: NDArray[Any]) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
        """Additions (neg, pos) to the two parts of the gradient: (K, 1) where constant along a row, else (K, N)."""

    def value(self, H: NDArray[Any]) -> float:
        """The penalty's contribution to the objective."""
