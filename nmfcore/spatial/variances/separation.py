"""Trained and learned patterns of all sources, fitted to their total variance."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nmfcore.layout import namespace, placed
from nmfcore.models.dictionary import Dictionary
from nmfcore.solve import nmf
from nmfcore.spatial.variances.base import Array, Factored, Sparsity, fitting

QUIET = 0.2  # share of frames that are quieter, in each bin, than what goes on all the time
LEAST_QUIET = 1e-3  # of the mean power: digital silence is no spectrum to begin from


class Separation(Factored):
    """Σ_j v_j ≈ U H with the patterns of all sources at once, then v_j = U_j H_j (P2, eq. 24, Algorithm 1).

    `free` adds patterns that are learned from the mixture itself, to a source of the dictionary (what its examples
    lack) or under a new name (a source without examples). `smoothing` in 0…1 draws their activations towards the mean
    of the neighbouring frames after every fit: what is learned from the mixture alone should be what goes on (noise),
    not what comes and goes.

    P2 starts from random activations; `n_start` updates by the spectra alone, all channels together, tell the sources
    apart before the first spatial step.
    """

    def __init__(
        self,
        dictionary: Dictionary,
        free: Mapping[str, int],
        sparsity: Sparsity,
        smoothing: float,
        n_start: int,
        n_inner: int,
        rng: np.random.Generator,
        backend: str,
    ) -> None:
        self.sources = sources_of(dictionary, free)
        self.dictionary, self.free = dictionary, free
        self.smoothing, self.n_start = smoothing, n_start
        self.n_inner, self.rng, self.backend = n_inner, rng, backend
        self.known = dictionary.W.shape[1]
        self.members: dict[str, NDArray[np.intp]] = {}
        column = self.known
        for name in self.sources:
            trained = dictionary.rows(name) if name in dictionary.blocks else slice(0, 0)
            learned = np.arange(column, column + free.get(name, 0))
            self.members[name] = np.concatenate([np.arange(trained.start, trained.stop), learned])
            column += len(learned)
        self.rank = column
        # Sparsity chooses among examples; where there are none at all, among what is learned.
        learned_groups: list[tuple[slice, ...]] = [
            (slice(int(rows[0]), int(rows[-1]) + 1),) for rows in self.members.values()
        ]
        self.penalties = sparsity.penalties(dictionary.groups or learned_groups)

    def start(self, power: Array, patterns: Array | None = None) -> Array:
        batch, bins, frames = power.shape
        # Free patterns begin as the mixture's mean spectrum, and every source with the same share of its power: from a
        # flat spectrum, or with a share by number of patterns, a few free ones among many trained would never catch up.
        # What a source with examples lacks is what goes on, so there it is the spectrum of quiet frames, and the
        # source as loud as they are: otherwise noise would begin as whatever is loud, and keep it.
        mean = power.mean(-1, keepdims=True)
        quiet = np.maximum(np.quantile(power, QUIET, axis=-1, keepdims=True), LEAST_QUIET * mean)
        learned = np.tile(self.rng.uniform(0.1, 1.1, (bins, self.rank - self.known)), (batch, 1, 1))
        going_on = {name for name in self.dictionary.sources if self.free.get(name, 0) > 0}
        for name in self.sources:
            learned[..., self._learned(name) - self.known] *= quiet if name in going_on else mean
        learned = learned / learned.sum(-2, keepdims=True)
        if patterns is not None:
            learned = fitting(patterns, (bins, self.rank))[..., self.known :]
        trained = np.broadcast_to(self.dictionary.W, (batch, bins, self.known))
        self.W = np.concatenate([trained, learned], axis=-1).astype(power.dtype)
        self.H = np.tile(self.rng.uniform(0.1, 1.1, (self.rank, frames)).astype(power.dtype), (batch, 1, 1))
        for name in self.sources:
            level = power.mean((-2, -1), keepdims=True) / len(self.sources)
            parts = [self.members[name]]
            if name in going_on:
                level = quiet.mean(-2, keepdims=True)
                parts = [parts[0][parts[0] < self.known], self._learned(name)]
            for rows in parts:
                self.H[:, rows] *= level / (self.W[..., rows] @ self.H[:, rows]).mean((-2, -1), keepdims=True)
        # Smoothing acts between single updates; without it they run in one call.
        for count in [1] * self.n_start if self.smoothing > 0 else [self.n_start] * (self.n_start > 0):
            self.explain(power, count)
        return self._variances()

    def constrain(self, v: Array) -> Array:
        return self.explain(v.sum(0), self.n_inner)

    def restore(self, H: Array) -> Array:
        self.H = H.astype(self.W.dtype)
        return self._variances()

    def explain(self, total: Array, n_iter: int) -> Array:
        """Fit the activations (and free patterns) to a total variance (B, F, N); returns the sources' shares."""
        fit = nmf(
            total,
            beta=0,
            W=self.W,
            H=self.H,
            free_w=slice(self.known, None),
            penalties=self.penalties,
            normalize=self.rank > self.known,
            n_iter=n_iter,
            backend=self.backend,
        )
        self.W, self.H = fit.W, fit.H
        self._smooth()
        return self._variances()

    def _learned(self, name: str) -> NDArray[np.intp]:
        return self.members[name][self.members[name] >= self.known]

    def _variances(self) -> Array:
        rows = [placed(self.members[s], namespace(self.W)) for s in self.sources]
        return np.stack([self.W[..., each] @ self.H[:, each] for each in rows])

    def _smooth(self) -> None:
        if self.smoothing == 0 or self.rank == self.known:
            return
        h = np.pad(self.H[:, self.known :], ((0, 0), (0, 0), (1, 1)), mode="edge")
        near = self.smoothing / 2 * (h[..., :-2] + h[..., 2:])
        self.H[:, self.known :] = (1 - self.smoothing) * h[..., 1:-1] + near


def sources_of(dictionary: Dictionary, free: Mapping[str, int]) -> tuple[str, ...]:
    """Sources with examples, then those that only have free patterns."""
    return dictionary.sources + tuple(name for name in free if name not in dictionary.sources)
