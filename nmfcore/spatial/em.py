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
from nmfcore.spatial.covariances import unit_trace
from nmfcore.spatial.diagonal import Diagonal
from nmfcore.spatial.filtering import as_mixture, unit_power
from nmfcore.spatial.full import FullRank
from nmfcore.spatial.model import LocalGaussianModel
from nmfcore.spatial.options import Options
from nmfcore.spatial.relaxation import Relaxation
from nmfcore.spatial.starts import Covariances, initial_covariances
from nmfcore.spatial.variances import Choice, Climbing, Separation, Sparsity, VarianceModel
from nmfcore.spatial.variances.base import FLOOR, Array
from nmfcore.threads import blas_in_one_thread


@any_kind
@blas_in_one_thread()
def fit(
    X: ArrayLike,
    *,
    dictionary: Dictionary | None = None,
    variance_model: str | None = None,
    free: Mapping[str, int] | None = None,
    sources: tuple[str, ...] | None = None,
    R: ArrayLike | Covariances | None = None,
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
    callback: Callable[[int, float], Any] | None = None,
) -> LocalGaussianModel:
    """Estimate variances and spatial covariances of the sources of a multichannel mixture.

    Generalised EM of Duong et al. (P2), Algorithm 1, with eq. 31 where the printed algorithm departs from it. The
    scale that v and R could exchange is fixed by tr R = I. With one channel the spatial covariance is 1 and, for
    ``"separation"``, the model is Itakura–Saito NMF of |X|² itself, which is then fitted directly with
    `n_iter` × `n_inner` updates.

    Args:
        X: mixture (I, F, N), complex, channels first.
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
            tell the sources of a dictionary apart, such as a :class:`nmfcore.spatial.Start`, which None stands for.
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
        callback: called as ``callback(iteration, log_likelihood)``; a true answer stops.

    Returns:
        A :class:`LocalGaussianModel`; hand its v and R to :func:`nmfcore.spatial.wiener`.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((2, 5, 40)) + 1j * rng.standard_normal((2, 5, 40))
    >>> R = np.stack([np.tile(np.eye(2) + c, (5, 1, 1)) for c in (0.0, 0.5)])
    >>> model = fit(X, variance_model="free", sources=("a", "b"), R=R, n_iter=20, seed=0)
    >>> bool(np.all(np.diff(model.log_likelihood) > -1e-9))
    True
    """
    mixture = as_mixture(X)
    channels, bins, frames = mixture.shape
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
    going_on = resume is not None and resume.v.shape[1:] == (bins, frames)
    model = (replace(choice, n_start=0) if going_on else choice).model(np.random.default_rng(seed))
    evidence = _evidence(prior, len(model.sources))
    if resume is not None:
        _check_resumed(resume, model.sources, (bins, channels, channels))

    # Starting values are made in host memory; from there on everything lies where the backend works.
    home, xp = namespace(mixture), np if covariance == "diagonal" else engine.xp  # its products are too small for one
    mixture, level = unit_power(host(mixture))
    power = np.maximum(np.mean(np.abs(mixture) ** 2, axis=0), FLOOR)
    variances = _initial_variances(model, power, level, v, resume, going_on)
    how, anchor = dict.fromkeys(model.sources, "an earlier fit"), resume.R if resume is not None else None
    if R is not None or anchor is None:
        clue = choice.told_apart(variances, power, np.random.default_rng(seed))
        anchor, told = initial_covariances(R, mixture, model.sources, variances, clue, options.loading)
        how = told if resume is None else how
    initial = anchor if resume is None else resume.covariances()
    psi = None if averaging == (1, 1) else placed(local_covariance(mixture, averaging), xp)
    mixture, initial, anchor, variances = (placed(one, xp) for one in (mixture, initial, anchor, variances))
    model.move(xp)
    spatial: FullRank | Diagonal
    if covariance == "diagonal":
        spatial = Diagonal(mixture, initial, anchor, evidence, options.loading)
    else:
        spatial = FullRank(engine, mixture, initial, anchor, psi, evidence, options.loading, options.moved_by)

    if channels == 1 and isinstance(model, Separation):
        variances = np.maximum(model.explain(placed(power, xp), n_iter * options.updates), FLOOR)
        history: list[float] = []
    else:
        plain = strength == 0 and smoothing == 0 and noise is None and not evidence.any()
        history, variances = _iterate(model, spatial, variances, options, callback, relax=plain)
    shape, size = unit_trace(spatial.R)
    W, H = model.factors() or (None, None)
    return LocalGaussianModel(
        v=placed(variances * size[..., 0].astype(variances.dtype) * variances.dtype.type(level), home),
        R=placed(shape, home),
        sources=model.sources,
        log_likelihood=tuple(history),
        W=None if W is None else placed(W, home),
        H=None if H is None else placed(H, home),
        gain=placed(size[..., 0, 0], home),
        level=level,
        start=how,
    )


def _iterate(
    model: VarianceModel,
    spatial: FullRank | Diagonal,
    v: Array,
    options: Options,
    callback: Callable[[int, float], Any] | None,
    *,
    relax: bool,
) -> tuple[list[float], Array]:
    """The iterations: log-likelihood at the beginning of each, and the variances after the last.

    Steps are relaxed only if the likelihood is all that rises; with penalties or evidence it may fall for good reasons.
    """
    climbing = model if isinstance(model, Climbing) else None
    relaxed = None
    if relax and climbing is not None and isinstance(spatial, FullRank) and options.moved_by == "mm":
        relaxed = Relaxation(climbing, spatial)
    history: list[float] = []
    for iteration in range(options.n_iter):
        spatial.noise = options.noise_at(iteration)
        move = iteration >= options.n_fixed
        if climbing is not None:
            for factor in climbing.turns * options.updates:
                v = np.maximum(climbing.ascend(factor, *spatial.gradient(v)), FLOOR)
        if relaxed is None:
            value = spatial.step(v, keep_v=climbing is not None, move=move)
        else:
            value, v = relaxed.step(v, move)
        history.append(value)
        if climbing is None:
            v = np.maximum(model.constrain(np.maximum(v, FLOOR)), FLOOR)
        if callback is not None and callback(iteration + 1, value):
            break
    return history, v


def _initial_variances(
    model: VarianceModel,
    power: Array,
    level: float,
    v: ArrayLike | None,
    resume: LocalGaussianModel | None,
    going_on: bool,
) -> Array:
    """The model's own start, unless variances are given or an earlier fit of the same mixture has them."""
    start = model.start(power, None if resume is None else resume.W)
    if v is not None:
        given = np.asarray(v)
        if given.shape != start.shape or not np.isfinite(given).all() or given.min() < 0:
            raise ValueError(f"v must be finite, nonnegative and of shape {start.shape}; got shape {given.shape}.")
        start = (given / level).astype(start.dtype)
    elif going_on and resume is not None:
        earlier = (resume.v / level).astype(start.dtype)
        if resume.H is not None:
            modelled = model.restore(resume.H * (resume.level / level))
            earlier = modelled if isinstance(model, Climbing) else earlier
        start = earlier
    return np.maximum(start, FLOOR)


def _check_resumed(resume: LocalGaussianModel, sources: tuple[str, ...], shape: tuple[int, ...]) -> None:
    if resume.sources != sources or resume.R.shape != (len(sources), *shape):
        raise ValueError(
            f"resume has sources {resume.sources} and R {resume.R.shape}; here they are {sources} and "
            f"{(len(sources), *shape)}."
        )


def _evidence(prior: float | Sequence[float], count: int) -> NDArray[np.float64]:
    """The frames (J,) that the initial R is worth."""
    evidence = np.asarray(prior, np.float64)
    if evidence.ndim > 1 or evidence.size not in (1, count) or not np.all(evidence >= 0):
        raise ValueError(f"prior={prior!r} must be nonnegative, one number or one for each of the {count} sources.")
    return np.broadcast_to(evidence, (count,))
