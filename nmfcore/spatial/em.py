"""Generalised EM for the local Gaussian model: spatial step, spectral step, and so on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore import backends
from nmfcore.arrays import any_kind
from nmfcore.layout import host, namespace, placed
from nmfcore.models.dictionary import Dictionary
from nmfcore.solve import check_counts
from nmfcore.spatial.averaging import local_covariance
from nmfcore.spatial.covariances import loaded, regularized
from nmfcore.spatial.filtering import as_mixture
from nmfcore.spatial.variance import Denoising, Free, Joint, Separation, SourceNMF, VarianceModel
from nmfcore.threads import blas_in_one_thread

Covariances = Callable[[NDArray[Any]], ArrayLike]
MODELS = ("joint", "separation", "denoising", "nmf", "free")
FLOOR = 1e-12  # of the mixture's mean power: no variance falls below


@dataclass(frozen=True)
class LocalGaussianModel:
    """Variances and spatial covariances of the sources of one recording.

    Attributes:
        v: variances (J, F, N), at the scale of the mixture's power.
        R: spatial covariances (J, F, I, I), Hermitian, positive definite, trace I.
        sources: names.
        log_likelihood: of the parameters at the beginning of each iteration, for the mixture scaled to mean power 1.
        W: spectral patterns of the last spectral step, where there are any (F, K), or (J, F, K) for ``"nmf"``.
        H: their activations (K, N) or (J, K, N).
    """

    v: NDArray[Any]
    R: NDArray[np.complex128]
    sources: tuple[str, ...]
    log_likelihood: tuple[float, ...]
    W: NDArray[Any] | None = None
    H: NDArray[Any] | None = None


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
    lam: float = 10.0,
    mix: float = 0.2,
    n_components: int = 16,
    smoothing: float = 0.0,
    n_start: int | None = None,
    n_iter: int = 15,
    n_inner: int = 10,
    n_fixed: int = 0,
    prior: float | Sequence[float] = 0.0,
    averaging: tuple[int, int] = (1, 1),
    regularization: float = 1e-5,
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
        dictionary: trained patterns, for ``"joint"``, ``"separation"`` and ``"denoising"``.
        variance_model: ``"separation"`` (Σ_j v_j ≈ UH; default with a dictionary), ``"denoising"`` (v_j ≈ U_j H_j),
            ``"nmf"`` (unsupervised; default without a dictionary), ``"free"`` (no constraint), or ``"joint"``
            (v_j = U_j H_j fitted to the likelihood itself by majorisation–minimisation, Sawada et al. 2013, with the
            dictionary and sparsity of P2: no detour by estimated variances; compared in benchmarks/quality).
        free: patterns to be learned from the mixture, for ``"separation"`` and ``"joint"``: how many, by source of
            the dictionary or by a new source's name (one without examples).
        sources: names, where there is no dictionary.
        R: initial spatial covariances (J, F, I, I), see :func:`nmfcore.spatial.diffuse` and
            :func:`nmfcore.spatial.direct_diffuse`; needed for I > 1. Or a function that makes them from the first
            variances (J, F, N), for instance along directions in which each source is heard.
        v: initial variances (J, F, N); None starts from the variance model's own.
        lam: weight λ of mixed group sparsity (P2: 10).
        mix: its share γ of whole blocks (P2: 0.2).
        n_components: patterns per source for ``"nmf"``.
        smoothing: 0…1, how far the activations of free patterns are drawn to their neighbours in time.
        n_start: updates by the spectra alone before the first spatial step, for ``"joint"`` (default 30) and
            ``"separation"`` (default 0, P2's start from random activations).
        n_iter: iterations (P2: 15; ``"joint"`` wants about 40).
        n_inner: multiplicative updates in each (P2: 10; ``"joint"``: 1).
        n_fixed: first iterations in which R keeps its initial value.
        prior: evidence for the initial R, in frames, one number or one per source: R is drawn towards it as if it
            had been seen in so many frames. ``inf`` keeps it.
        averaging: bins × frames over which the empirical covariance is averaged (P2, eq. 7), odd; (1, 1) is none.
        regularization: share of the identity in R, which keeps it invertible.
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
    check_counts(n_iter=n_iter, n_inner=n_inner, n_components=n_components)
    if not 0 <= lam < np.inf:
        raise ValueError(f"lam={lam!r} must be finite and nonnegative.")
    if dictionary is not None and len(dictionary.W) != bins:
        raise ValueError(
            f"X has {bins} bins, but the dictionary's patterns have {len(dictionary.W)}; "
            "use the same frame length for both."
        )
    for name, count in (free or {}).items():
        least = 0 if dictionary is not None and name in dictionary.blocks else 1
        if not isinstance(count, (int, np.integer)) or count < least:
            raise ValueError(f"free={free!r}: {name!r} needs a whole number of patterns, ≥ 1 for a new source.")
    rng = np.random.default_rng(seed)
    chosen = variance_model or ("nmf" if dictionary is None else "separation")
    engine = backends.get(backend, "auto", mixture)
    model = _variance_model(
        chosen, dictionary, free or {}, sources, lam, mix, n_components, smoothing, n_start, n_inner, rng, engine.name
    )
    count = len(model.sources)

    # Starting values are made in host memory; from there on everything lies where the backend works.
    home, xp = namespace(mixture), engine.xp
    mixture = host(mixture)
    level = float(np.mean(np.abs(mixture) ** 2, dtype=np.float64))
    if level == 0:
        raise ValueError("X is silent (all zeros); there is nothing to separate.")
    if level < 1e-36 or level > 1e36:
        raise ValueError(f"X has a mean power of {level:g}; scale the signal to an ordinary level first.")
    mixture = mixture / mixture.real.dtype.type(np.sqrt(level))
    power = np.maximum(np.mean(np.abs(mixture) ** 2, axis=0), FLOOR)
    start = model.start(power)
    if v is not None:
        given = np.asarray(v)
        if given.shape != start.shape or not np.isfinite(given).all() or given.min() < 0:
            raise ValueError(f"v must be finite, nonnegative and of shape {start.shape}; got shape {given.shape}.")
        start = (given / level).astype(start.dtype)
    variances = np.maximum(start, FLOOR)
    initial = _initial_covariances(R, variances, channels, regularization)
    psi = None if averaging == (1, 1) else placed(local_covariance(mixture, averaging), xp)
    mixture, power, variances, initial = (placed(one, xp) for one in (mixture, power, variances, initial))
    drawn = placed(_prior_share(prior, count, frames), xp)
    covariances = initial
    for part in getattr(model, "parts", [model]):
        part.__dict__.update({name: placed(getattr(part, name), xp) for name in ("W", "H") if hasattr(part, name)})

    history: list[float] = []
    if channels == 1 and isinstance(model, Separation):
        variances = np.maximum(model.explain(power, n_iter * n_inner), FLOOR)
    else:
        for iteration in range(n_iter):
            if isinstance(model, Joint):
                for factor in model.factors * n_inner:
                    neg, pos = engine.spatial_gradient(mixture, variances, covariances, psi)
                    variances = np.maximum(model.ascend(factor, neg, pos), FLOOR)
            updated, value = engine.spatial_step(mixture, variances, covariances, psi, isinstance(model, Joint))
            history.append(value)
            if iteration >= n_fixed:
                shape, size = _unit_trace(updated)
                covariances = loaded(shape, regularization) * (1 - drawn) + initial * drawn
                # The scale moves into v; but where v = U_j H_j is given by its patterns, R keeps it, bin by bin, as
                # what fits the spectra of the examples to those of the recording.
                if isinstance(model, Joint):
                    covariances *= size
                else:
                    variances *= size[..., 0].astype(variances.dtype)
            if not isinstance(model, Joint):
                np.maximum(variances, FLOOR, out=variances)
                variances = np.maximum(model.constrain(variances), FLOOR)
            if callback is not None and callback(iteration + 1, value):
                break
    covariances, size = _unit_trace(covariances)
    variances = variances * size[..., 0].astype(variances.dtype)
    return LocalGaussianModel(
        v=placed(variances * variances.dtype.type(level), home),
        R=placed(covariances, home),
        sources=model.sources,
        log_likelihood=tuple(history),
        W=placed(model.W, home) if hasattr(model, "W") else None,
        H=placed(model.H, home) if hasattr(model, "H") else None,
    )


def _variance_model(
    name: str,
    dictionary: Dictionary | None,
    free: Mapping[str, int],
    sources: tuple[str, ...] | None,
    lam: float,
    mix: float,
    n_components: int,
    smoothing: float,
    n_start: int | None,
    n_inner: int,
    rng: np.random.Generator,
    backend: str,
) -> VarianceModel:
    if name not in MODELS:
        raise ValueError(f"variance_model={name!r} is not known; use one of {MODELS}.")
    if not 0 <= smoothing <= 1:
        raise ValueError(f"smoothing={smoothing!r} must lie in 0…1.")
    if name not in ("joint", "separation") and (n_start is not None or smoothing > 0 or free):
        raise ValueError(
            f"n_start, smoothing and free patterns need variance_model='joint' or 'separation', not {name!r}."
        )
    if name in ("joint", "separation", "denoising"):
        if dictionary is None:
            raise ValueError(f"variance_model={name!r} needs a dictionary; see nmfcore.models.learn_dictionary.")
        if name != "denoising":
            kind = Joint if name == "joint" else Separation
            n_start = n_start if n_start is not None else 30 if name == "joint" else 0
            return kind(dictionary, free, lam, mix, smoothing, n_start, n_inner, rng, backend)
        return Denoising(dictionary, lam, mix, n_inner, rng, backend)
    names = sources or (dictionary.sources if dictionary is not None else None)
    if not names:
        raise ValueError(f"variance_model={name!r} needs the names of the sources, such as sources=('a', 'b').")
    return Free(names, rng) if name == "free" else SourceNMF(names, n_components, n_inner, rng, backend)


def _initial_covariances(
    R: ArrayLike | Covariances | None, v: NDArray[Any], channels: int, regularization: float
) -> NDArray[np.complex128]:
    count, bins, _ = v.shape
    if R is None:
        if channels > 1:
            raise ValueError(
                f"R is needed for {channels} channels: one initial spatial covariance per source, for instance from "
                "nmfcore.spatial.direct_diffuse and nmfcore.spatial.diffuse."
            )
        R = np.ones((count, bins, 1, 1))
    given = np.asarray(R(v) if callable(R) else R)
    if given.shape != (count, bins, channels, channels):
        raise ValueError(f"R has shape {given.shape}; it must be (J, F, I, I) = {(count, bins, channels, channels)}.")
    if not np.isfinite(given).all():
        raise ValueError("R contains NaN or infinity.")
    return regularized(given.astype(np.complex128), regularization)


def _unit_trace(R: NDArray[np.complex128]) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """R (J, F, I, I) with trace I, and the scale (J, F, 1, 1) that was taken from it; of nothing, the identity."""
    size = np.trace(R, axis1=-2, axis2=-1).real[..., None, None] / R.shape[-1]
    some = size > 1e-30
    return np.where(some, R / np.where(some, size, 1), namespace(R).eye(R.shape[-1])), np.where(some, size, 1e-30)


def _prior_share(prior: float | Sequence[float], count: int, frames: int) -> NDArray[np.float64]:
    """How much of R comes from its initial value, (J, 1, 1, 1) in 0…1."""
    evidence = np.asarray(prior, np.float64)
    if evidence.ndim > 1 or evidence.size not in (1, count) or not np.all(evidence >= 0):
        raise ValueError(f"prior={prior!r} must be nonnegative, one number or one for each of the {count} sources.")
    share = np.where(np.isinf(evidence), 1.0, 1 / (1 + frames / np.maximum(evidence, 1e-12)))
    return np.broadcast_to(share, (count,)).reshape(count, 1, 1, 1)
