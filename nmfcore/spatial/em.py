"""Generalised EM for the local Gaussian model: spatial step, spectral step, and so on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore import backends
from nmfcore.models.dictionary import Dictionary
from nmfcore.spatial.averaging import local_covariance
from nmfcore.spatial.covariances import regularized
from nmfcore.spatial.filtering import as_mixture
from nmfcore.spatial.variance import Denoising, Free, Separation, SourceNMF, VarianceModel

MODELS = ("separation", "denoising", "nmf", "free")
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


def fit(
    X: ArrayLike,
    *,
    dictionary: Dictionary | None = None,
    variance_model: str | None = None,
    free: Mapping[str, int] | None = None,
    sources: tuple[str, ...] | None = None,
    R: ArrayLike | None = None,
    v: ArrayLike | None = None,
    lam: float = 10.0,
    mix: float = 0.2,
    n_components: int = 16,
    n_iter: int = 15,
    n_inner: int = 10,
    n_fixed: int = 0,
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
        dictionary: trained patterns, for ``"separation"`` and ``"denoising"``.
        variance_model: ``"separation"`` (Σ_j v_j ≈ UH; default with a dictionary), ``"denoising"`` (v_j ≈ U_j H_j),
            ``"nmf"`` (unsupervised; default without a dictionary) or ``"free"`` (no constraint).
        free: patterns to be learned from the mixture, for ``"separation"``: how many, by source of the dictionary
            or by a new source's name (one without examples).
        sources: names, where there is no dictionary.
        R: initial spatial covariances (J, F, I, I), see :func:`nmfcore.spatial.diffuse` and
            :func:`nmfcore.spatial.direct_diffuse`; needed for I > 1.
        v: initial variances (J, F, N); None starts from the variance model's own.
        lam: weight λ of mixed group sparsity (P2: 10).
        mix: its share γ of whole blocks (P2: 0.2).
        n_components: patterns per source for ``"nmf"``.
        n_iter: EM iterations (P2: 15).
        n_inner: multiplicative updates in each (P2: 10).
        n_fixed: first iterations in which R keeps its initial value.
        averaging: bins × frames over which the empirical covariance is averaged (P2, eq. 7), odd; (1, 1) is none.
        regularization: least eigenvalue of R relative to its largest.
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
    X = as_mixture(X)
    channels, bins, frames = X.shape
    rng = np.random.default_rng(seed)
    chosen = variance_model or ("nmf" if dictionary is None else "separation")
    engine = backends.get(backend)
    model = _variance_model(
        chosen, dictionary, free or {}, sources, lam, mix, n_components, n_inner, rng, engine.name
    )
    count = len(model.sources)

    level = float(np.mean(np.abs(X) ** 2, dtype=np.float64))
    if level == 0:
        raise ValueError("X is silent (all zeros); there is nothing to separate.")
    if level < 1e-36 or level > 1e36:
        raise ValueError(f"X has a mean power of {level:g}; scale the signal to an ordinary level first.")
    X = X / X.real.dtype.type(np.sqrt(level))
    power = np.maximum(np.mean(np.abs(X) ** 2, axis=0), FLOOR)
    start = model.start(power)
    if v is not None:
        given = np.asarray(v)
        if given.shape != start.shape or not np.isfinite(given).all() or given.min() < 0:
            raise ValueError(f"v must be finite, nonnegative and of shape {start.shape}; got shape {given.shape}.")
        start = (given / level).astype(start.dtype)
    variances = np.maximum(start, FLOOR)
    covariances = _initial_covariances(R, count, bins, channels, regularization)

    history: list[float] = []
    if channels == 1 and isinstance(model, Separation):
        variances = np.maximum(model.explain(power, n_iter * n_inner), FLOOR)
    else:
        psi = None if averaging == (1, 1) else local_covariance(X, averaging)
        for iteration in range(n_iter):
            updated, value = engine.spatial_step(X, variances, covariances, psi)
            history.append(value)
            if iteration >= n_fixed:
                size = np.trace(updated, axis1=-2, axis2=-1).real / channels  # (J, F)
                covariances = regularized(updated, regularization)
                variances *= size[..., None].astype(variances.dtype)
            np.maximum(variances, FLOOR, out=variances)
            variances = np.maximum(model.constrain(variances), FLOOR)
            if callback is not None and callback(iteration + 1, value):
                break
    return LocalGaussianModel(
        v=variances * variances.dtype.type(level),
        R=covariances,
        sources=model.sources,
        log_likelihood=tuple(history),
        W=getattr(model, "W", None),
        H=getattr(model, "H", None),
    )


def _variance_model(
    name: str,
    dictionary: Dictionary | None,
    free: Mapping[str, int],
    sources: tuple[str, ...] | None,
    lam: float,
    mix: float,
    n_components: int,
    n_inner: int,
    rng: np.random.Generator,
    backend: str,
) -> VarianceModel:
    if name not in MODELS:
        raise ValueError(f"variance_model={name!r} is not known; use one of {MODELS}.")
    if name in ("separation", "denoising"):
        if dictionary is None:
            raise ValueError(f"variance_model={name!r} needs a dictionary; see nmfcore.models.learn_dictionary.")
        if name == "separation":
            return Separation(dictionary, free, lam, mix, n_inner, rng, backend)
        if free:
            raise ValueError("free patterns need variance_model='separation'.")
        return Denoising(dictionary, lam, mix, n_inner, rng, backend)
    names = sources or (dictionary.sources if dictionary is not None else None)
    if not names:
        raise ValueError(f"variance_model={name!r} needs the names of the sources, such as sources=('a', 'b').")
    return Free(names, rng) if name == "free" else SourceNMF(names, n_components, n_inner, rng, backend)


def _initial_covariances(
    R: ArrayLike | None, count: int, bins: int, channels: int, regularization: float
) -> NDArray[np.complex128]:
    if R is None:
        if channels > 1:
            raise ValueError(
                f"R is needed for {channels} channels: one initial spatial covariance per source, for instance from "
                "nmfcore.spatial.direct_diffuse and nmfcore.spatial.diffuse."
            )
        R = np.ones((count, bins, 1, 1))
    given = np.asarray(R)
    if given.shape != (count, bins, channels, channels):
        raise ValueError(f"R has shape {given.shape}; it must be (J, F, I, I) = {(count, bins, channels, channels)}.")
    if not np.isfinite(given).all():
        raise ValueError("R contains NaN or infinity.")
    return regularized(given.astype(np.complex128), regularization)
