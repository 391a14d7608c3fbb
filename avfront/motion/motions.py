"""The motions of the objects, as the factorizations of the sound take them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Integers = npt.NDArray[np.int64]


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
