"""The motions of the objects, as the factorizations of the sound take them: how much each is there, and whose it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Integers = npt.NDArray[np.int64]

_REST = 0.05  # share of the frames that count as rest
_HALF = 0.1  # of a cluster's mean speed: there its motion counts half
_SPEED = 10.0  # what each object's main motion is brought to, as root mean square: JLS depends on it


@dataclass(frozen=True)
class Motions:
    """What is known of the objects' motion, on the frames of the sound; J objects.

    Attributes
    ----------
    speeds : array (C, N)
        Of each motion cluster, ≥ 0.
    sources : integers (C,)
        Object of each cluster, 0…J − 1, none left out.
    activations : array (K_m, N)
        Motion activations, ≥ 0: one row for each component that is coupled to motion.
    activation_sources : integers (K_m,)
        Object of each row.
    """

    speeds: Array
    sources: Integers
    activations: Array
    activation_sources: Integers

    @property
    def count(self) -> int:
        """J."""
        return int(self.sources.max()) + 1

    def strongest(self, most: int) -> Integers:
        """The clusters of each object that move most, in the order of the objects."""
        power = np.square(self.speeds).mean(axis=1)
        order = np.lexsort((-power, self.sources))
        rank = np.arange(len(order)) - np.searchsorted(self.sources[order], self.sources[order])
        return np.asarray(order[rank < most])


def presence(speeds: Array) -> Array:
    """How much each motion is there, (C, N), rather than how fast it is; its mean square over time is 10².

    A bow sounds at any speed, and how loud depends on more than its speed: a slow stroke may be the loudest. So that
    rest and motion differ most, a speed counts half where it is a tenth of its mean. What it never falls below (its
    5 % quantile) is what the flow is unsure about, or a motion that tells nothing.

    >>> presence(np.array([[0.0, 0.0, 10.0, 100.0]])).round(1).tolist()
    [[0.0, 0.0, 12.5, 15.6]]
    """
    above = np.maximum(speeds - np.quantile(speeds, _REST, axis=1, keepdims=True), 0)
    above = np.where(above.any(axis=1, keepdims=True), above, speeds)  # what never changes its speed is always there
    there = above / np.maximum(above + _HALF * above.mean(axis=1, keepdims=True), 1e-12)
    return np.asarray(_SPEED * there / np.maximum(np.sqrt(np.square(there).mean(axis=1, keepdims=True)), 1e-12))
