"""Supervised and semi-supervised NMF, and dictionaries learned from any number of recordings."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from nmfcore.arrays import any_kind
from nmfcore.layout import Matrices
from nmfcore.models.components import SourceFactors
from nmfcore.models.dictionary import Dictionary
from nmfcore.models.options import Options, filled
from nmfcore.online import OnlineDictionary
from nmfcore.solve import nmf


def learn_dictionary_online(
    recordings: Mapping[str, Iterable[ArrayLike]],
    n_components: int = 100,
    *,
    beta: float | str = 1.0,
    batch_size: int = 512,
    half_life: float = 5000.0,
    n_inner: int = 10,
    n_passes: int = 1,
    seed: int | np.random.Generator | None = None,
    device: str = "auto",
    backend: str = "auto",
) -> Dictionary:
    """Learn one dictionary per source from any number of recordings, in constant memory.

    Mini-batch updates, as in Parekh et al. (WASPAA 2019), §3.1; see :class:`nmfcore.online.OnlineDictionary`. Unlike
    :func:`learn_dictionary` it does not need all recordings at once.

    Args:
        recordings: for each source its spectrograms (F, N), in a list or read one after the other by an iterator.
        n_components: patterns per source.
        beta: divergence.
        batch_size: frames of a mini-batch.
        half_life: frames after which a mini-batch counts half.
        n_inner: updates of the activations for each mini-batch.
        n_passes: how often the recordings are gone through; more than once needs what can be iterated again.
        seed: as in :func:`nmfcore.nmf`.
        device: as in :func:`nmfcore.nmf`.
        backend: as in :func:`nmfcore.nmf`.

    Raises:
        ValueError: naming the argument, its value and the remedy.

    >>> rng = np.random.default_rng(0)
    >>> endless = {"a": (rng.random((9, 50)) for _ in range(20)), "b": [rng.random((9, 30))]}
    >>> learn_dictionary_online(endless, 3, seed=0).W.shape
    (9, 6)
    """
    if not recordings:
        raise ValueError("recordings must name at least one source.")
    rng = np.random.default_rng(seed)
    patterns, blocks = [], {}
    for j, (source, given) in enumerate(recordings.items()):
        if n_passes > 1 and iter(given) is given:
            raise ValueError(f"n_passes={n_passes} needs a list for source {source!r}; an iterator can be read once.")
        learner = OnlineDictionary(
            n_components,
            beta=beta,
            batch_size=batch_size,
            half_life=half_life,
            n_inner=n_inner,
            seed=rng,
            device=device,
            backend=backend,
        )
        for _ in range(n_passes):
            for V in given:
                learner.partial_fit(V)
        W = learner.W
        if W is None:
            raise ValueError(f"source {source!r} has no recording that is not silent.")
        patterns.append(W)
        blocks[source] = (slice(j * n_components, (j + 1) * n_components),)
    heights = sorted({len(W) for W in patterns})
    if len(heights) > 1:
        raise ValueError(f"all recordings must have the same number of bins; got {heights}.")
    return Dictionary(np.concatenate(patterns, axis=1), tuple(recordings), blocks)


@any_kind
def supervised_nmf(
    V: ArrayLike | Sequence[ArrayLike],
    dictionary: Dictionary,
    *,
    beta: float | str = 1.0,
    background: int = 0,
    **options: Unpack[Options],
) -> SourceFactors:
    """Factorize a mixture by patterns that were learned before, and by free ones for what has no examples.

    Supervised NMF (Wang and Plumbley 2006); with `background` > 0 semi-supervised (Mysore and Smaragdis 2011), as in
    Parekh et al. (WASPAA 2019). Without penalty; see :func:`gssm_separate` for large dictionaries.

    Args:
        V: spectrogram (F, N), of the kind that the dictionary was learned from; a batch or a list.
        dictionary: from :func:`learn_dictionary_online` or :func:`learn_dictionary`.
        beta: divergence.
        background: free components; they make up one more source, the last.
        **options: as in :func:`nmfcore.nmf`; by default 200 iterations and one random start.

    Returns:
        Source j is the dictionary's source j.

    Raises:
        ValueError: naming the argument, its value and the remedy.

    >>> H = np.random.default_rng(0).gamma(0.5, size=(2, 30))
    >>> W = np.array([[0.8, 0.1], [0.2, 0.1], [0.0, 0.8]])
    >>> model = Dictionary(W, ("low", "high"), {"low": (slice(0, 1),), "high": (slice(1, 2),)})
    >>> fit = supervised_nmf(W @ H, model, seed=0)
    >>> bool(np.abs(fit.H - H).max() < 1e-3)
    True
    """
    given = Matrices.of(V, "V")
    bins, known = dictionary.W.shape
    if any(shape[0] != bins for shape in given.shapes):
        raise ValueError(
            f"V has {given.shapes[0][0]} bins, but the dictionary's patterns have {bins}; "
            "use the same frame length for both."
        )
    if background < 0:
        raise ValueError(f"background={background} must be ≥ 0.")
    rng = np.random.default_rng(options.get("seed"))
    free = rng.uniform(0.5, 1.5, (bins, background)) / bins
    start = np.hstack([dictionary.W, free])
    fit = nmf(
        V,
        beta=beta,
        W=given.form.pack([start] * len(given.shapes)),
        free_w=slice(known, None),
        normalize=background > 0,
        **filled({**options, "seed": rng}, n_iter=200, n_restarts=1),
    )
    n_sources = len(dictionary.sources) + (background > 0)
    labels = np.full(known + background, n_sources - 1)
    for j, source in enumerate(dictionary.sources):
        labels[dictionary.rows(source)] = j
    everywhere = given.form.pack([labels] * len(given.shapes))
    return SourceFactors(fit.W, fit.H, everywhere, n_sources, fit.objective, fit.n_iter)
