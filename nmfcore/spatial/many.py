"""Many recordings in one call."""

from collections.abc import Iterable, Iterator
from typing import Any

from numpy.typing import ArrayLike

from nmfcore.spatial.em import fit
from nmfcore.spatial.model import LocalGaussianModel


def fit_many(mixtures: Iterable[ArrayLike], *, follow: bool = False, **options: Any) -> Iterator[LocalGaussianModel]:
    """Fit one model after the other, of recordings of any length, each as soon as it is asked for.

    Mixtures may come from a generator that reads them, and models may be used and let go: memory is that of the
    longest recording, whatever their number. A list of all is ``list(fit_many(…))``. Recordings of one shape that fit
    in memory together, on a GPU above all, are a batch for :func:`nmfcore.spatial.fit` itself.

    Args:
        mixtures: (I, F, N_b) each, as :func:`nmfcore.spatial.fit` takes them.
        follow: whether they are successive blocks of one recording: each block then begins with the covariances and
            learned patterns of the one before, so that a source stays the same; give them weight by `prior`.
        options: of :func:`nmfcore.spatial.fit`, for all of them.

    Yields:
        A model for each, in their order.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> mixtures = [rng.standard_normal((2, 5, n, 2)) @ [1, 1j] for n in (30, 40)]
    >>> models = fit_many(mixtures, variance_model="joint", sources=("a", "b"), n_components=2, n_iter=3, seed=0)
    >>> [model.v.shape for model in models]
    [(2, 5, 30), (2, 5, 40)]
    """
    before: LocalGaussianModel | None = options.pop("resume", None)
    for mixture in mixtures:
        model = fit(mixture, resume=before, **options)
        if follow:
            before = model.elsewhere()
            options.pop("R", None)
        yield model
