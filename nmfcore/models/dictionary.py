"""Generic source spectral models: the patterns of all examples of all sources side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.arrays import any_kind
from nmfcore.solve import nmf

SILENCE = 1e-6  # frames this far (60 dB) below the loudest teach nothing about a source


@dataclass(frozen=True)
class Dictionary:
    """Spectral patterns W (F, K) of several sources, each learned from several examples.

    Attributes:
        W: patterns, columns of sum 1.
        sources: names, in the order of their columns.
        blocks: for each source the column slices of its examples.
    """

    W: NDArray[Any]
    sources: tuple[str, ...]
    blocks: Mapping[str, tuple[slice, ...]]

    def rows(self, source: str) -> slice:
        """The columns of W (rows of H) that belong to a source."""
        blocks = self.blocks[source]
        return slice(blocks[0].start, blocks[-1].stop)

    @property
    def groups(self) -> list[tuple[slice, ...]]:
        """The blocks in the order of the sources, as :class:`nmfcore.penalties.GroupSparsity` takes them."""
        return [self.blocks[source] for source in self.sources]


@any_kind
def learn_dictionary(
    examples: Mapping[str, Sequence[ArrayLike]],
    n_components: int | Mapping[str, int] = 32,
    *,
    beta: float | str = 0.0,
    n_iter: int = 200,
    joint: bool = False,
    seed: int | np.random.Generator | None = None,
    backend: str = "auto",
) -> Dictionary:
    """Learn a generic source spectral model from examples: one NMF per example, all in one ragged batch.

    El Badawy, Duong and Ozerov (TASLP 2017), eqs. 8–9; Duong et al. (P2), eqs. 17–19.

    Args:
        examples: for each source the power spectrograms (F, N_p) of its examples, N_p may differ.
        n_components: patterns per example, one number or one per source.
        beta: divergence; the papers use 0 (Itakura–Saito).
        n_iter: multiplicative updates.
        joint: learn one model of the same size from all examples of a source end to end (P2, eq. 20), instead of
            one per example; each source then is a single block.
        seed: as in :func:`nmfcore.nmf`.
        backend: as in :func:`nmfcore.nmf`.

    Raises:
        ValueError: naming the source and example that is empty, silent, negative or of another height.

    >>> rng = np.random.default_rng(0)
    >>> examples = {"a": [rng.random((9, 20)), rng.random((9, 30))], "b": [rng.random((9, 10))]}
    >>> model = learn_dictionary(examples, 3, seed=0)
    >>> model.W.shape, model.blocks["a"], model.rows("b")
    ((9, 9), (slice(0, 3, None), slice(3, 6, None)), slice(6, 9, None))
    """
    if not examples:
        raise ValueError("examples must name at least one source.")
    spectrograms: list[NDArray[Any]] = []
    ranks: list[int] = []
    blocks: dict[str, tuple[slice, ...]] = {}
    column = 0
    for source, given in examples.items():
        if len(given) == 0:
            raise ValueError(f"source {source!r} has no example; give at least one spectrogram.")
        if isinstance(n_components, Mapping):
            if source not in n_components:
                raise ValueError(f"n_components has no entry for source {source!r}.")
            rank = int(n_components[source])
        else:
            rank = int(n_components)
        usable = [_usable(np.asarray(one), f"example {p} of source {source!r}") for p, one in enumerate(given)]
        if joint:
            usable, rank = [np.concatenate(usable, axis=1)], rank * len(usable)
        spectrograms += usable
        ranks += [rank] * len(usable)
        blocks[source] = tuple(slice(column + p * rank, column + (p + 1) * rank) for p in range(len(usable)))
        column += rank * len(usable)
    heights = {one.shape[0] for one in spectrograms}
    if len(heights) > 1:
        raise ValueError(f"all examples must have the same number of bins; got {sorted(heights)}.")
    fit = nmf(spectrograms, ranks, beta=beta, n_iter=n_iter, normalize=True, seed=seed, backend=backend)
    return Dictionary(np.concatenate(fit.W, axis=1), tuple(examples), blocks)


def _usable(V: NDArray[Any], what: str) -> NDArray[Any]:
    """The frames of an example that are not silent."""
    if V.ndim != 2 or V.size == 0:
        raise ValueError(f"{what} must be a spectrogram (F, N); got shape {V.shape}.")
    power = V.sum(0, dtype=np.float64)
    if not np.isfinite(power).all():
        raise ValueError(f"{what} contains NaN or infinity.")
    if V.min() < 0:
        raise ValueError(f"{what} contains negative values; a power spectrogram has none.")
    if not power.max() > 0:
        raise ValueError(f"{what} is silent; leave it out.")
    used: NDArray[Any] = V[:, power > SILENCE * power.max()]
    return used
