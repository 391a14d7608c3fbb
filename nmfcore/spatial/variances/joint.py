"""Trained and learned patterns of all sources, fitted to the likelihood."""

from nmfcore.layout import namespace, placed
from nmfcore.spatial.variances.base import Array, Climbing, root_ratio
from nmfcore.spatial.variances.separation import Separation


class Joint(Separation, Climbing):
    """v_j = U_j H_j, fitted to the likelihood of the recording itself instead of to estimated variances.

    Majorisation–minimisation of Sawada et al. (TASLP 2013) for the patterns and activations, with the trained
    patterns, free patterns and mixed sparsity of P2. The gradient comes from :meth:`Backend.spatial_gradient`.
    """

    @property
    def turns(self) -> tuple[str, ...]:
        return ("W", "H") if self.rank > self.known else ("H",)

    def ascend(self, factor: str, neg: Array, pos: Array) -> Array:
        if factor == "H":
            self._update_activations(neg, pos)
            self._smooth()
        else:
            self._update_patterns(neg, pos)
        return self._variances()

    def _update_activations(self, neg: Array, pos: Array) -> None:
        xp = namespace(neg)
        extra_neg, extra_pos = (xp.zeros((*self.H.shape[:2], 1), neg.dtype) for _ in range(2))
        for penalty in self.penalties:
            for b, H in enumerate(self.H):
                more_neg, more_pos = penalty.split(H)
                extra_neg[b] += 0 if more_neg is None else more_neg
                extra_pos[b] += more_pos
        for j, name in enumerate(self.sources):
            rows = placed(self.members[name], xp)
            W = self.W[..., rows].swapaxes(-1, -2)
            above, below = W @ neg[j] + extra_neg[:, rows], W @ pos[j] + extra_pos[:, rows]
            self.H[:, rows] *= root_ratio(above, below) ** self.reach

    def _update_patterns(self, neg: Array, pos: Array) -> None:
        for j, name in enumerate(self.sources):
            rows = placed(self._learned(name), namespace(neg))
            if len(rows) == 0:
                continue
            H = self.H[:, rows].swapaxes(-1, -2)
            above, below = neg[j] @ H, pos[j] @ H
            W = self.W[..., rows] * root_ratio(above, below) ** self.reach
            size = W.sum(-2, keepdims=True)
            size[size == 0] = 1
            self.W[..., rows] = W / size
            self.H[:, rows] *= size.swapaxes(-1, -2)
