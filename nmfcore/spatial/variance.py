"""The spectral part of the M step: what constrains the variances v (J, F, N) between two spatial steps.

One class per variance model; each gives a start and turns the unconstrained variances of an EM iteration into
constrained ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nmfcore.layout import namespace, placed
from nmfcore.models.dictionary import Dictionary
from nmfcore.penalties import GroupSparsity
from nmfcore.solve import nmf

Array = NDArray[Any]
QUIET = 0.2  # share of frames that are quieter, in each bin, than what goes on all the time
LEAST_QUIET = 1e-3  # of the mean power: digital silence is no spectrum to begin from


@dataclass(frozen=True)
class Sparsity:
    """What is asked of the activations of trained patterns: see :class:`nmfcore.penalties.GroupSparsity`."""

    lam: float = 0.0
    mix: float = 0.2
    kind: str = "mixed"
    gamma: float | str = 0.0

    def penalties(self, groups: list[tuple[slice, ...]]) -> list[GroupSparsity]:
        """The penalty on these groups, if there is one."""
        if not groups or self.lam == 0:
            return []
        return [GroupSparsity(groups, self.lam, self.gamma, self.kind, self.mix)]


class VarianceModel(Protocol):
    """How the variances of the sources are constrained."""

    sources: tuple[str, ...]

    def start(self, power: Array, patterns: Array | None = None) -> Array:
        """Initial variances (J, F, N) for a mixture of channel-mean power (F, N), with `patterns` of an earlier fit."""

    def constrain(self, v: Array) -> Array:
        """Constrained variances (J, F, N) from those of the spatial step."""

    def factors(self) -> tuple[Array, Array] | None:
        """Patterns and activations, where there are any."""

    def restore(self, H: Array) -> Array:
        """Variances (J, F, N) with the activations of an earlier fit."""


class Free:
    """No constraint: every bin and frame has its own variance (Duong, Vincent and Gribonval 2010)."""

    def __init__(self, sources: tuple[str, ...], rng: np.random.Generator) -> None:
        self.sources = sources
        self.rng = rng

    def start(self, power: Array, patterns: Array | None = None) -> Array:
        share = self.rng.uniform(0.5, 1.5, (len(self.sources), *power.shape))
        out: Array = (share / share.sum(0) * power).astype(power.dtype)
        return out

    def constrain(self, v: Array) -> Array:
        return v

    def factors(self) -> None:
        return None

    def restore(self, H: Array) -> Array:
        raise TypeError("free variances have no activations")


class SourceNMF:
    """v_j ≈ W_j H_j, learned without examples: the baseline of Arberet et al. (2010)."""

    def __init__(
        self,
        sources: tuple[str, ...],
        rank: int,
        sparsity: Sparsity,
        n_inner: int,
        rng: np.random.Generator,
        backend: str,
    ) -> None:
        self.sources = sources
        self.rank, self.n_inner, self.rng, self.backend = rank, n_inner, rng, backend
        self.penalties = sparsity.penalties([(slice(0, rank),)])

    def start(self, power: Array, patterns: Array | None = None) -> Array:
        count, (bins, frames) = len(self.sources), power.shape
        level = power.mean() / self.rank / count
        drawn = self.rng.uniform(0.5, 1.5, (count, bins, self.rank)).astype(power.dtype)
        self.W = drawn if patterns is None else _fitting(patterns, drawn.shape).astype(power.dtype)
        self.H = (level * self.rng.uniform(0.5, 1.5, (count, self.rank, frames))).astype(power.dtype)
        return self.W @ self.H

    def constrain(self, v: Array) -> Array:
        fit = nmf(
            v, beta=0, W=self.W, H=self.H, penalties=self.penalties, n_iter=self.n_inner, normalize=True,
            backend=self.backend,
        )  # fmt: skip
        self.W, self.H = fit.W, fit.H
        return self.W @ self.H

    def factors(self) -> tuple[Array, Array]:
        return self.W, self.H

    def restore(self, H: Array) -> Array:
        self.H = H.astype(self.W.dtype)
        return self.W @ self.H


class LikelihoodNMF(SourceNMF):
    """v_j = W_j H_j, learned without examples and fitted to the likelihood itself: multichannel NMF.

    Majorisation–minimisation of Sawada et al. (TASLP 2013), patterns first, as in other programs for it.
    """

    turns = ("W", "H")
    reach = 1.0  # length of a step, see :class:`nmfcore.spatial.relaxation.Relaxation`

    def ascend(self, factor: str, neg: Array, pos: Array) -> Array:
        """One update of W or of H from the gradient's parts in v, (J, F, N) each."""
        if factor == "W":
            turned = self.H.swapaxes(-1, -2)
            W = self.W * _root_ratio(neg @ turned, pos @ turned) ** self.reach
            size = W.sum(-2, keepdims=True)
            size = np.where(size > 0, size, 1)
            self.W, self.H = W / size, self.H * size.swapaxes(-1, -2)
        else:
            turned = self.W.swapaxes(-1, -2)
            above, below = turned @ neg, turned @ pos
            for penalty in self.penalties:
                for j, H in enumerate(self.H):
                    more_neg, more_pos = penalty.split(H)
                    above[j] += 0 if more_neg is None else more_neg
                    below[j] += more_pos
            self.H = self.H * _root_ratio(above, below) ** self.reach
        return self.W @ self.H


class Denoising:
    """v_j ≈ U_j H_j, each source for itself (P2, eq. 22); patterns, trained or free, as for :class:`Separation`."""

    def __init__(
        self,
        dictionary: Dictionary,
        free: Mapping[str, int],
        sparsity: Sparsity,
        smoothing: float,
        n_inner: int,
        rng: np.random.Generator,
        backend: str,
    ) -> None:
        self.sources = sources_of(dictionary, free)
        self.parts = [
            Separation(
                _only(dictionary, name), {name: free.get(name, 0)}, sparsity, smoothing, 0, n_inner, rng, backend
            )
            for name in self.sources
        ]

    def start(self, power: Array, patterns: Array | None = None) -> Array:
        share = power / len(self.parts)
        return np.concatenate(
            [part.start(share, W) for part, W in zip(self.parts, self._cut(patterns, 1), strict=True)]
        )

    def constrain(self, v: Array) -> Array:
        return np.concatenate([part.constrain(v[j : j + 1]) for j, part in enumerate(self.parts)])

    def factors(self) -> tuple[Array, Array]:
        return np.hstack([part.W for part in self.parts]), np.vstack([part.H for part in self.parts])

    def restore(self, H: Array) -> Array:
        pieces = self._cut(H, 0)
        return np.concatenate([part.restore(piece) for part, piece in zip(self.parts, pieces, strict=True)])

    def _cut(self, factor: Array | None, axis: int) -> list[Any]:
        """The sources' own parts of patterns or activations."""
        if factor is None:
            return [None] * len(self.parts)
        if axis == 1:
            _fitting(factor, (len(factor), sum(part.rank for part in self.parts)))
        return np.split(factor, np.cumsum([part.rank for part in self.parts])[:-1], axis=axis)


class Separation:
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
        bins, frames = power.shape
        # Free patterns begin as the mixture's mean spectrum, and every source with the same share of its power: from a
        # flat spectrum, or with a share by number of patterns, a few free ones among many trained would never catch up.
        # What a source with examples lacks is what goes on, so there it is the spectrum of quiet frames, and the
        # source as loud as they are: otherwise noise would begin as whatever is loud, and keep it.
        mean = power.mean(1, keepdims=True)
        quiet = np.maximum(np.quantile(power, QUIET, axis=1, keepdims=True), LEAST_QUIET * mean)
        learned = self.rng.uniform(0.1, 1.1, (bins, self.rank - self.known))
        going_on = {name for name in self.dictionary.sources if self.free.get(name, 0) > 0}
        for name in self.sources:
            learned[:, self._learned(name) - self.known] *= quiet if name in going_on else mean
        learned = learned / learned.sum(0)
        if patterns is not None:
            learned = _fitting(patterns, (bins, self.rank))[:, self.known :]
        self.W = np.hstack([self.dictionary.W, learned]).astype(power.dtype)
        self.H = self.rng.uniform(0.1, 1.1, (self.rank, frames)).astype(power.dtype)
        for name in self.sources:
            level = power.mean() / len(self.sources)
            parts = [self.members[name]]
            if name in going_on:
                level, parts = quiet.mean(), [parts[0][parts[0] < self.known], self._learned(name)]
            for rows in parts:
                self.H[rows] *= level / (self.W[:, rows] @ self.H[rows]).mean()
        # Smoothing acts between single updates; without it they run in one call.
        for count in [1] * self.n_start if self.smoothing > 0 else [self.n_start] * (self.n_start > 0):
            self.explain(power, count)
        return self._variances()

    def constrain(self, v: Array) -> Array:
        return self.explain(v.sum(0), self.n_inner)

    def factors(self) -> tuple[Array, Array]:
        return self.W, self.H

    def restore(self, H: Array) -> Array:
        self.H = H.astype(self.W.dtype)
        return self._variances()

    def explain(self, total: Array, n_iter: int) -> Array:
        """Fit the activations (and free patterns) to a total variance (F, N); returns the sources' shares."""
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
        return np.stack([self.W[:, each] @ self.H[each] for each in rows])

    def _smooth(self) -> None:
        if self.smoothing == 0 or self.rank == self.known:
            return
        h = np.pad(self.H[self.known :], ((0, 0), (1, 1)), mode="edge")
        self.H[self.known :] = (1 - self.smoothing) * h[:, 1:-1] + self.smoothing / 2 * (h[:, :-2] + h[:, 2:])


class Joint(Separation):
    """v_j = U_j H_j, fitted to the likelihood of the recording itself instead of to estimated variances.

    Majorisation–minimisation of Sawada et al. (TASLP 2013) for the patterns and activations, with the trained
    patterns, free patterns and mixed sparsity of P2. The gradient comes from :meth:`Backend.spatial_gradient`.
    """

    reach = 1.0

    @property
    def turns(self) -> tuple[str, ...]:
        """What is updated in turn, each from a gradient of its own; patterns first, as in multichannel NMF."""
        return ("W", "H") if self.rank > self.known else ("H",)

    def ascend(self, factor: str, neg: Array, pos: Array) -> Array:
        """One update of H or of the free columns of W from the gradient's parts in v, (J, F, N) each."""
        if factor == "H":
            self._update_activations(neg, pos)
            self._smooth()
        else:
            self._update_patterns(neg, pos)
        return self._variances()

    def _update_activations(self, neg: Array, pos: Array) -> None:
        xp = namespace(neg)
        extra_neg, extra_pos = xp.zeros((self.rank, 1), neg.dtype), xp.zeros((self.rank, 1), neg.dtype)
        for penalty in self.penalties:
            more_neg, more_pos = penalty.split(self.H)
            extra_neg += 0 if more_neg is None else more_neg
            extra_pos += more_pos
        for j, name in enumerate(self.sources):
            rows = placed(self.members[name], xp)
            W = self.W[:, rows].T
            above, below = W @ neg[j] + extra_neg[rows], W @ pos[j] + extra_pos[rows]
            self.H[rows] *= _root_ratio(above, below) ** self.reach

    def _update_patterns(self, neg: Array, pos: Array) -> None:
        for j, name in enumerate(self.sources):
            rows = placed(self._learned(name), namespace(neg))
            if len(rows) == 0:
                continue
            H = self.H[rows].T
            above, below = neg[j] @ H, pos[j] @ H
            W = self.W[:, rows] * _root_ratio(above, below) ** self.reach
            size = W.sum(0)
            size[size == 0] = 1
            self.W[:, rows] = W / size
            self.H[rows] *= size[:, None]


def _root_ratio(above: Array, below: Array) -> Array:
    """√(above / below), 0 where there is nothing below."""
    some = below > 0
    # Rounding may make a sum of squares negative where the channels are copies of each other.
    return np.sqrt(np.where(some, np.maximum(above, 0) / np.where(some, below, 1), 0))


def sources_of(dictionary: Dictionary, free: Mapping[str, int]) -> tuple[str, ...]:
    """Sources with examples, then those that only have free patterns."""
    return dictionary.sources + tuple(name for name in free if name not in dictionary.sources)


def _fitting(patterns: Array, shape: tuple[int, ...]) -> Array:
    """The patterns of an earlier fit, if they are as many as here."""
    if patterns.shape != shape:
        raise ValueError(
            f"resume has patterns W of shape {patterns.shape} and this fit {shape}; use the same dictionary, free and "
            "n_components."
        )
    return patterns


def _only(dictionary: Dictionary, source: str) -> Dictionary:
    """The part of a dictionary that belongs to one source; nothing for a source without examples."""
    if source not in dictionary.blocks:
        return Dictionary(dictionary.W[:, :0], (), {})
    rows = dictionary.rows(source)
    blocks = tuple(slice(b.start - rows.start, b.stop - rows.start) for b in dictionary.blocks[source])
    return Dictionary(dictionary.W[:, rows], (source,), {source: blocks})
