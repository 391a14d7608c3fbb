"""Multichannel NMF: patterns and activations of each source, learned from the likelihood."""

import numpy as np

from nmfcore.spatial.variances.base import Array, Climbing, root_ratio
from nmfcore.spatial.variances.source_nmf import SourceNMF


class LikelihoodNMF(SourceNMF, Climbing):
    """v_j = W_j H_j, learned without examples and fitted to the likelihood itself: multichannel NMF.

    Majorisation–minimisation of Sawada et al. (TASLP 2013), patterns first, as in other programs for it.
    """

    turns = ("W", "H")

    def ascend(self, factor: str, neg: Array, pos: Array) -> Array:
        if factor == "W":
            turned = self.H.swapaxes(-1, -2)
            W = self.W * root_ratio(neg @ turned, pos @ turned) ** self.reach
            size = W.sum(-2, keepdims=True)
            size = np.where(size > 0, size, 1)
            self.W, self.H = W / size, self.H * size.swapaxes(-1, -2)
        else:
            turned = self.W.swapaxes(-1, -2)
            above, below = turned @ neg, turned @ pos
            for penalty in self.penalties:
                for each in np.ndindex(self.H.shape[:2]):
                    more_neg, more_pos = penalty.split(self.H[each])
                    above[each] += 0 if more_neg is None else more_neg
                    below[each] += more_pos
            self.H = self.H * root_ratio(above, below) ** self.reach
        return self.W @ self.H
