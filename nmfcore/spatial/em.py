"""Generalised EM for the local Gaussian model: spatial step, spectral step, and so on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore import backends
from nmfcore.arrays import any_kind
from nmfcore.layout import host, namespace, placed
from nmfcore.models.dictionary import Dictionary
from nmfcore.solve import check_counts
from nmfcore.spatial.averaging import local_covariance
from nmfcore.spatial.batch import FACTOR, Batch
from nmfcore.spatial.covariances import unit_trace
from nmfcore.spatial.diagonal import Diagonal
from nmfcore.spatial.filtering import as_mixture, unit_power
from nmfcore.spatial.full import FullRank
from nmfcore.spatial.halves import in_halves
from nmfcore.spatial.initial import check_resumed, initial_covariances, initial_variances
from nmfcore.spatial.model import LocalGaussianModel
from nmfcore.spatial.options import Options
from nmfcore.spatial.relaxation import Relaxation
from nmfcore.spatial.starts import Covariances
from nmfcore.spatial.variances import Choice, Climbing, Separation, Sparsity, VarianceModel
from nmfcore.spatial.variances.base import FLOOR, Array
from nmfcore.threads import blas_in_one_thread


@any_kind
@in_halves
@blas_in_one_thread()
def fit(
    X: ArrayLike,
    *,
    dictionary: Dictionary | None = None,
    variance_model: str | None = None,
    free: Mapping[str, int] | None = None,
    sources: tuple[str, ...] | None = None,
    R: ArrayLike | Covariances | Sequence[Covariances] | None = None,
    v: ArrayLike | None = None,
    resume: LocalGaussianModel | None = None,
    covariance: str = "full",
    update: str | None = None,
    lam: float | None = None,
    mix: float = 0.2,
    kind: str = "mixed",
    gamma: float | str = 0.0,
    n_components: int = 16,
    smoothing: float = 0.0,
    n_start: int | None = None,
    n_iter: int = 15,
    n_inner: int | None = None,
    n_fixed: int = 0,
    prior: float | Sequence[float] = 0.0,
    averaging: tuple[int, int] = (1, 1),
    regularization: float | None = None,
    noise: tuple[float, float] | None = None,
    seed: int | np.random.Generator | None = None,
    backend: str = "auto",
    callback: Callable[[int, Any], Any] | None = None,
) -> LocalGaussianModel:
    """Estimate variances and spatial covariances of the sources of a multichannel mixture.

    Generalised EM of Duong et al. (P2), Algorithm 1, with eq. 31 where the printed algorithm departs from it. The
    scale that v and R could exchange is fixed by tr R = I. With one channel the spatial covariance is 1 and, for
    ``"separation"``, the model is Itakura–Saito NMF of |X|² itself, which is then fitted directly with
    `n_iter` × `n_inner` updates.

    Args:
        X: mixture (I, F, N), complex, channels first; or a batch of recordings of one shape (B, I, F, N), each fitted
            as it would be alone, but all in the same launches: what a GPU needs to be busy. R, v and the answer then
            have the batch axis in front too.
        dictionary: trained patterns, for ``"joint"``, ``"separation"`` and ``"denoising"``; ``"joint"`` without one
            learns `n_components` free patterns of each source.
        variance_model: ``"separation"`` (Σ_j v_j ≈ UH; default with a dictionary), ``"denoising"`` (v_j ≈ U_j H_j),
            ``"nmf"`` (unsupervised; default without a dictionary; with `update` ``"em"`` the baseline of P2),
            ``"free"`` (no constraint), or ``"joint"`` (v_j = U_j H_j fitted to the likelihood itself by
            majorisation–minimisation, Sawada et al. 2013, with the dictionary and sparsity of P2: no detour by
            estimated variances; compared in benchmarks/quality).
        free: patterns to be learned from the mixture, beside a dictionary: how many, by source of the dictionary or
            by a new source's name (one without examples, such as a background).
        sources: names, where there is no dictionary.
        R: initial spatial covariances (J, F, I, I), see :func:`nmfcore.spatial.diffuse` and
            :func:`nmfcore.spatial.direct_diffuse`. Or a function that makes them from first variances (J, F, N) that
            tell the sources of a dictionary apart, such as a :class:`nmfcore.spatial.Start`, which None stands for; for
            a batch a list of such functions. One array (J, F, I, I) may serve a whole batch.
        v: initial variances (J, F, N); None starts from the variance model's own.
        resume: an earlier fit to go on from. Its R and patterns are taken, and for a mixture of the same size its
            variances and activations too: EM goes on where it ended. R, if given, is then what `prior` draws to.
        covariance: ``"full"``, or ``"diagonal"``: jointly diagonalised (:mod:`nmfcore.spatial.diagonal`), fewer
            parameters, and faster beyond 8 channels (three times at 16).
        update: ``"em"``, or for ``"joint"`` and ``"nmf"`` ``"mm"``: majorisation–minimisation of all, R included: for
            patterns without examples, multichannel NMF (Sawada et al. 2013). Each iteration costs more, and the
            likelihood ends higher. None is ``"mm"`` without a dictionary, if there are patterns, otherwise ``"em"``.
        lam: weight λ of group sparsity; None is 10 with a dictionary (P2), 0 without.
        mix: share of whole blocks in mixed sparsity (P2: 0.2).
        kind: groups, ``"mixed"`` (P2), ``"block"`` or ``"component"``; see :class:`nmfcore.penalties.GroupSparsity`.
        gamma: relative sparsity γ of the same penalty; 0 is plain.
        n_components: patterns per source for ``"nmf"``, and for ``"joint"`` without a dictionary.
        smoothing: 0…1, how far the activations of free patterns are drawn to their neighbours in time.
        n_start: updates by the spectra alone before the first spatial step, for ``"joint"`` (default 30) and
            ``"separation"`` (default 0, P2's start from random activations).
        n_iter: iterations (P2: 15; ``"joint"`` wants about 40).
        n_inner: multiplicative updates in each; None is 10 (P2), or 1 where they climb the likelihood itself
            (``"joint"``, and ``"nmf"`` by ``"mm"``).
        n_fixed: first iterations in which R keeps its initial value.
        prior: evidence for the initial R, in frames, one number or one per source: R is drawn towards it as if it
            had been seen in so many frames. ``inf`` keeps it.
        averaging: bins × frames over which the empirical covariance is averaged (P2, eq. 7), odd; (1, 1) is none.
        regularization: share of the identity in R, which keeps it invertible; None is 1e-5, or 1e-8 with ``"mm"``.
        noise: power of white noise at the microphones beside the sources, relative to the mixture's, at the first
            and the last iteration, annealed geometrically between (Ozerov and Févotte 2010); it widens the way to a
            good optimum. None is none; ``covariance="full"`` alone has it.
        seed: as in :func:`nmfcore.nmf`.
        backend: as in :func:`nmfcore.nmf`.
        callback: called as ``callback(iteration, log_likelihood)``, of a batch with (B,) values; a true answer stops.

    Returns:
        A :class:`LocalGaussianModel`; hand its v and R to :func:`nmfcore.spatial.wiener`. Of a batch it is that of all
        recordings, and its method `recording` picks one.

    Raises:
        ValueError: naming the argument, its value and the remedy.
        MemoryError: where a single recording does not fit in the memory of the device; a batch is halved.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((2, 5, 40)) + 1j * rng.standard_normal((2, 5, 40))
    >>> R = np.stack([np.tile(np.eye(2) + c, (5, 1, 1)) for c in (0.0, 0.5)])
    >>> model = fit(X, variance_model="free", sources=("a", "b"), R=R, n_iter=20, seed=0)
    >>> bool(np.all(np.diff(model.log_likelihood) > -1e-9))
    True
    """
    mixture = as_mixture(X, batched=True)
    batch = Batch.of(mixture)
    channels, bins, frames = mixture.shape[-3:]
    options = Options(
        variance_model or ("nmf" if dictionary is None else "separation"),
        dictionary is not None, covariance, update, regularization, n_iter, n_inner, n_fixed, averaging, noise,
    )  # fmt: skip
    check_counts(n_components=n_components)
    engine = backends.get(backend, "auto", mixture)
    strength = (10.0 if dictionary is not None else 0.0) if lam is None else lam
    choice = Choice(
        options.variance_model, options.moved_by, n_start, bins, dictionary, free or {}, sources,
        Sparsity(strength, mix, kind, gamma), n_components, smoothing, options.updates, engine.name,
    )  # fmt: skip
    going_on = resume is not None and resume.v.shape[-2:] == (bins, frames)
    model = (replace(choice, n_start=0) if going_on else choice).model(np.random.default_rng(seed))
    evidence = _evidence(prior, len(model.sources))
    if resume is not None:
        check_resumed(resume, model.sources, (*mixture.shape[:-3], len(model.sources), bins, channels, channels))

    # Starting values are made in host memory; from there on everything lies where the backend works.
    home, xp = namespace(mixture), np if covariance == "diagonal" else engine.xp  # its products are too small for one
    mixtures, level = unit_power(host(mixture if mixture.ndim == 4 else mixture[None]))
    power = np.maximum(np.mean(np.abs(mixtures) ** 2, axis=1), FLOOR)  # (B, F, N)
    variances = initial_variances(model, batch, power, level, v, resume, going_on)
    initial, anchor, how = initial_covariances(
        R, resume, batch, mixtures, model.sources, variances,
        lambda: choice.told_apart(variances, power, np.random.default_rng(seed)), options.loading,
    )  # fmt: skip
    mixtures = np.ascontiguousarray(batch.rows(mixtures.swapaxes(0, 1)))  # (I, B·F, N)
    psi = None
    if averaging != (1, 1):
        each = [local_covariance(one, averaging) for one in batch.apart(mixtures).swapaxes(0, 1)]
        psi = placed(batch.rows(np.stack(each, axis=1)), xp)
    mixtures, initial, anchor, variances = (placed(one, xp) for one in (mixtures, initial, anchor, variances))
    model.move(xp)
    spatial: FullRank | Diagonal
    if covariance == "diagonal":
        spatial = Diagonal(mixtures, initial, anchor, evidence, options.loading)
    else:
        spatial = FullRank(engine, mixtures, initial, anchor, psi, evidence, options.loading, options.moved_by)

    if channels == 1 and isinstance(model, Separation):
        variances = np.maximum(model.explain(placed(power, xp), n_iter * options.updates), FLOOR)
        history: list[Array] = []
    else:
        plain = strength == 0 and smoothing == 0 and noise is None and not evidence.any()
        history, variances = _iterate(model, spatial, batch, variances, options, callback, relax=plain)
    return _answer(model, batch, placed(spatial.R, xp), variances, placed(level, xp), history, how, home)


def _answer(
    model: VarianceModel,
    batch: Batch,
    R: Array,
    v: Array,
    level: Array,
    history: list[Array],
    how: dict[str, tuple[str, ...]],
    home: Any,
) -> LocalGaussianModel:
    """What was found, at the level of the mixture, where its arrays were and with a batch axis if it had one."""
    shape, size = (batch.apart(one) for one in unit_trace(R))
    scale = size[..., 0].astype(v.dtype) * level.astype(v.dtype)[:, None, None]
    factors = [placed(batch.leave(one, FACTOR), home) for one in model.factors() or ()]
    values, levels = [host(one) for one in history], host(level)
    return LocalGaussianModel(
        v=placed(batch.leave(v * scale), home),
        R=placed(batch.leave(shape), home),
        sources=model.sources,
        log_likelihood=tuple(float(one[0]) for one in values) if batch.alone else tuple(values),
        W=factors[0] if factors else None,
        H=factors[1] if factors else None,
        gain=placed(batch.leave(size[..., 0, 0]), home),
        level=levels.item() if batch.alone else levels,
        start={name: words[0] for name, words in how.items()} if batch.alone else how,
    )


def _iterate(
    model: VarianceModel,
    spatial: FullRank | Diagonal,
    batch: Batch,
    v: Array,
    options: Options,
    callback: Callable[[int, Any], Any] | None,
    *,
    relax: bool,
) -> tuple[list[Array], Array]:
    """The iterations: log-likelihoods (B,) at the beginning of each, and the variances (J, B, F, N) after the last.

    Steps are relaxed only if the likelihood is all that rises; with penalties or evidence it may fall for good reasons.
    """
    climbing = model if isinstance(model, Climbing) else None
    relaxed = None
    if relax and climbing is not None and isinstance(spatial, FullRank) and options.moved_by == "mm":
        relaxed = Relaxation(climbing, spatial, batch)
    history: list[Array] = []
    for iteration in range(options.n_iter):
        spatial.noise = options.noise_at(iteration)
        move = iteration >= options.n_fixed
        if climbing is not None:
            for factor in climbing.turns * options.updates:
                slopes = (batch.apart(part) for part in spatial.gradient(batch.rows(v)))
                v = np.maximum(climbing.ascend(factor, *slopes), FLOOR)
        if relaxed is None:
            values = batch.total(spatial.step(batch.rows(v), keep_v=climbing is not None, move=move))
        else:
            values, v = relaxed.step(v, move)
        history.append(values)
        if climbing is None:
            v = np.maximum(model.constrain(np.maximum(v, FLOOR)), FLOOR)
        if callback is not None and callback(iteration + 1, float(values[0]) if batch.alone else host(values)):
            break
    return history, v


def _evidence(prior: float | Sequence[float], count: int) -> NDArray[np.float64]:
    """The frames (J,) that the initial R is worth."""
    evidence = np.asarray(prior, np.float64)
    if evidence.ndim > 1 or evidence.size not in (1, count) or not np.all(evidence >= 0):
        raise ValueError(f"prior={prior!r} must be nonnegative, one number or one for each of the {count} sources.")
    return np.broadcast_to(evidence, (count,))
