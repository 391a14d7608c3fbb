"""Generalised EM for the local Gaussian model: spatial step, spectral step, and so on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore import backends
from nmfcore.arrays import any_kind
from nmfcore.layout import host, namespace, placed
from nmfcore.models.dictionary import Dictionary
from nmfcore.solve import check_counts
from nmfcore.spatial.averaging import local_covariance
from nmfcore.spatial.covariances import regularized, unit_trace
from nmfcore.spatial.diagonal import Diagonal
from nmfcore.spatial.filtering import as_mixture
from nmfcore.spatial.full import FullRank
from nmfcore.spatial.relaxation import Relaxation
from nmfcore.spatial.starts import Start
from nmfcore.spatial.variance import (
    Denoising,
    Free,
    Joint,
    LikelihoodNMF,
    Separation,
    SourceNMF,
    Sparsity,
    VarianceModel,
)
from nmfcore.threads import blas_in_one_thread

Covariances = Callable[[NDArray[Any]], ArrayLike]
MODELS = ("joint", "separation", "denoising", "nmf", "free")
COVARIANCES = ("full", "diagonal")
FLOOR = 1e-12  # of the mixture's mean power: no variance falls below


@dataclass(frozen=True)
class LocalGaussianModel:
    """Variances and spatial covariances of the sources of one recording.

    Attributes:
        v: variances (J, F, N), at the scale of the mixture's power.
        R: spatial covariances (J, F, I, I), Hermitian, positive definite, trace I.
        sources: names.
        log_likelihood: of the parameters at the beginning of each iteration, for the mixture scaled to mean power 1.
        W: spectral patterns, where there are any (F, K), or (J, F, K) for ``"nmf"``.
        H: their activations (K, N) or (J, K, N), for the mixture scaled to mean power 1.
        gain: (J, F), what fits the patterns to this recording: v_j = level · gain_j ⊙ W_j H_j for ``"joint"``.
        level: mean power of the mixture.
        start: for each source, in words, what its covariances began from.
    """

    v: NDArray[Any]
    R: NDArray[np.complex128]
    sources: tuple[str, ...]
    log_likelihood: tuple[float, ...]
    W: NDArray[Any] | None = None
    H: NDArray[Any] | None = None
    gain: NDArray[np.float64] | None = None
    level: float = 1.0
    start: Mapping[str, str] = field(default_factory=dict)

    def elsewhere(self) -> "LocalGaussianModel":
        """What holds for another recording of the same sources in the same places: all but variances and activations.

        >>> model = LocalGaussianModel(np.ones((2, 3, 4)), np.tile(np.eye(2) + 0j, (2, 3, 1, 1)), ("a", "b"), ())
        >>> model.elsewhere().v.shape
        (2, 3, 0)
        """
        return replace(self, v=self.v[..., :0], H=None)

    def snr(self) -> dict[str, float]:
        """Each source's power over that of all others, in dB, over the whole recording and all channels.

        >>> v = np.stack([np.full((3, 4), 10.0), np.ones((3, 4))])
        >>> LocalGaussianModel(v, np.tile(np.eye(2) + 0j, (2, 3, 1, 1)), ("a", "b"), ()).snr()
        {'a': 10.0, 'b': -10.0}
        """
        power = self.v.sum(axis=(1, 2), dtype=np.float64)  # tr R_j = I in every bin
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = 10 * np.log10(power / (power.sum() - power))
        return dict(zip(self.sources, ratio.tolist(), strict=True))


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
    check_counts(n_iter=n_iter, n_components=n_components)
    _check_options(bins, dictionary, free or {}, lam, covariance, noise, averaging)
    rng = np.random.default_rng(seed)
    chosen = variance_model or ("nmf" if dictionary is None else "separation")
    engine = backends.get(backend, "auto", mixture)
    sparsity = Sparsity((10.0 if dictionary is not None else 0.0) if lam is None else lam, mix, kind, gamma)
    going_on = resume is not None and resume.v.shape[1:] == (bins, frames)
    if update is None:
        update = "mm" if dictionary is None and chosen in ("joint", "nmf") and covariance == "full" else "em"
    if update not in ("em", "mm") or (update == "mm" and (covariance != "full" or chosen not in ("joint", "nmf"))):
        raise ValueError(
            f"update={update!r} must be 'em', or 'mm' with variance_model='joint' or 'nmf' and covariance='full'."
        )
    if regularization is None:
        regularization = 1e-5 if update == "em" else 1e-8
    if n_inner is None:
        n_inner = 1 if chosen == "joint" or update == "mm" else 10
    check_counts(n_inner=n_inner)
    settings = _Settings(dictionary, free or {}, sources, sparsity, n_components, smoothing, n_inner, engine.name)
    model = settings.model(chosen, 0 if going_on else n_start, bins, rng, update)
    climbing = isinstance(model, Joint | LikelihoodNMF)  # the likelihood itself, by its gradient in v
    count = len(model.sources)
    if resume is not None and (resume.sources != model.sources or resume.R.shape != (count, bins, channels, channels)):
        raise ValueError(
            f"resume has sources {resume.sources} and R {resume.R.shape}; here they are {model.sources} and "
            f"{(count, bins, channels, channels)}."
        )

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
    start = model.start(power, None if resume is None else resume.W)
    if v is not None:
        given = np.asarray(v)
        if given.shape != start.shape or not np.isfinite(given).all() or given.min() < 0:
            raise ValueError(f"v must be finite, nonnegative and of shape {start.shape}; got shape {given.shape}.")
        start = (given / level).astype(start.dtype)
    elif going_on and resume is not None:
        start = (resume.v / level).astype(start.dtype)
        if resume.H is not None:
            modelled = model.restore(resume.H * (resume.level / level))
            start = modelled if climbing else start
    variances = np.maximum(start, FLOOR)

    drawn, evidence = _prior_share(prior, count, frames)
    if R is not None or resume is None:
        clue = settings.told_apart(chosen, n_start, variances, power, np.random.default_rng(seed))
        anchor, how = _initial_covariances(R, mixture, model.sources, variances, clue, regularization)
    if resume is not None:
        initial = resume.R if resume.gain is None else resume.R * resume.gain[..., None, None]
        anchor, how = resume.R if R is None else anchor, dict.fromkeys(model.sources, "an earlier fit")
    else:
        initial = anchor
    psi = None if averaging == (1, 1) else local_covariance(mixture, averaging)
    spatial: FullRank | Diagonal
    if covariance == "diagonal":
        xp = np  # its small products are not worth a device
        spatial = Diagonal(mixture, initial, anchor, evidence, regularization)
    else:
        psi = None if psi is None else placed(psi, xp)
        power, variances = placed(power, xp), placed(variances, xp)
        for part in getattr(model, "parts", [model]):
            part.__dict__.update({name: placed(getattr(part, name), xp) for name in ("W", "H") if hasattr(part, name)})
        mixture, initial, anchor, drawn = (placed(one, xp) for one in (mixture, initial, anchor, drawn))
        spatial = FullRank(engine, mixture, initial, anchor, psi, drawn, regularization, update)

    relaxed = None
    if update == "mm" and noise is None and sparsity.lam == 0 and smoothing == 0 and not evidence.any():
        # The likelihood is all that rises; with penalties or evidence it may fall for good reasons.
        assert isinstance(model, Joint | LikelihoodNMF)
        assert isinstance(spatial, FullRank)
        relaxed = Relaxation(model, spatial)
    history: list[float] = []
    if channels == 1 and isinstance(model, Separation):
        variances = np.maximum(model.explain(power, n_iter * n_inner), FLOOR)
    else:
        for iteration in range(n_iter):
            if noise is not None:
                spatial.noise = noise[0] * (noise[1] / noise[0]) ** (iteration / max(n_iter - 1, 1))
            if isinstance(model, Joint | LikelihoodNMF):
                for factor in model.turns * n_inner:
                    variances = np.maximum(model.ascend(factor, *spatial.gradient(variances)), FLOOR)
            if relaxed is None:
                value = spatial.step(variances, keep_v=climbing, move=iteration >= n_fixed)
            else:
                value, variances = relaxed.step(variances, iteration >= n_fixed)
            history.append(value)
            if not climbing:
                np.maximum(variances, FLOOR, out=variances)
                variances = np.maximum(model.constrain(variances), FLOOR)
            if callback is not None and callback(iteration + 1, value):
                break
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


@dataclass(frozen=True)
class _Settings:
    """What variance models are made from."""

    dictionary: Dictionary | None
    free: Mapping[str, int]
    sources: tuple[str, ...] | None
    sparsity: Sparsity
    n_components: int
    smoothing: float
    n_inner: int
    backend: str

    def model(
        self, name: str, n_start: int | None, bins: int, rng: np.random.Generator, update: str = "em"
    ) -> VarianceModel:
        """The variance model of that name."""
        if name not in MODELS:
            raise ValueError(f"variance_model={name!r} is not known; use one of {MODELS}.")
        if not 0 <= self.smoothing <= 1:
            raise ValueError(f"smoothing={self.smoothing!r} must lie in 0…1.")
        dictionary, free = self.dictionary, self.free
        if name in ("nmf", "free"):
            return self._untrained(name, n_start, rng, update)
        if dictionary is None:
            if name != "joint":
                raise ValueError(f"variance_model={name!r} needs a dictionary; see nmfcore.models.learn_dictionary.")
            free = free or dict.fromkeys(self._names(name), self.n_components)
            dictionary = Dictionary(np.zeros((bins, 0)), (), {})
        if name == "denoising":
            if n_start is not None and n_start > 0:
                raise ValueError("n_start needs variance_model='joint' or 'separation', not 'denoising'.")
            return Denoising(dictionary, free, self.sparsity, self.smoothing, self.n_inner, rng, self.backend)
        kind = Joint if name == "joint" else Separation
        if n_start is None:
            n_start = 30 if name == "joint" and self.dictionary is not None else 0
        return kind(dictionary, free, self.sparsity, self.smoothing, n_start, self.n_inner, rng, self.backend)

    def _untrained(self, name: str, n_start: int | None, rng: np.random.Generator, update: str) -> VarianceModel:
        if n_start or self.smoothing > 0 or self.free:
            raise ValueError(f"n_start, smoothing and free patterns need another variance_model than {name!r}.")
        if name == "nmf":
            kind = LikelihoodNMF if update == "mm" else SourceNMF
            return kind(self._names(name), self.n_components, self.sparsity, self.n_inner, rng, self.backend)
        if self.sparsity.lam > 0:
            raise ValueError(f"lam={self.sparsity.lam!r} needs patterns, which variance_model='free' has not.")
        return Free(self._names(name), rng)

    def _names(self, name: str) -> tuple[str, ...]:
        names = self.sources or (self.dictionary.sources if self.dictionary is not None else None)
        if not names:
            raise ValueError(f"variance_model={name!r} needs the names of the sources, such as sources=('a', 'b').")
        return tuple(names)

    def told_apart(
        self, name: str, n_start: int | None, v: NDArray[Any], power: NDArray[Any], rng: np.random.Generator
    ) -> NDArray[Any] | None:
        """Variances by the spectra alone, all channels together, which tell trained sources apart; None without any."""
        if self.dictionary is None or name in ("nmf", "free"):
            return None
        if (name == "joint" and n_start is None) or n_start:
            return v
        plain = replace(self, sparsity=Sparsity())
        return np.maximum(plain.model("separation", 30, len(power), rng).start(power), FLOOR)


def _check_options(
    bins: int,
    dictionary: Dictionary | None,
    free: Mapping[str, int],
    lam: float | None,
    covariance: str,
    noise: tuple[float, float] | None,
    averaging: tuple[int, int],
) -> None:
    if lam is not None and not 0 <= lam < np.inf:
        raise ValueError(f"lam={lam!r} must be finite and nonnegative.")
    if dictionary is not None and len(dictionary.W) != bins:
        raise ValueError(
            f"X has {bins} bins, but the dictionary's patterns have {len(dictionary.W)}; "
            "use the same frame length for both."
        )
    for name, count in free.items():
        least = 0 if dictionary is not None and name in dictionary.blocks else 1
        if not isinstance(count, (int, np.integer)) or count < least:
            raise ValueError(f"free={free!r}: {name!r} needs a whole number of patterns, ≥ 1 for a new source.")
    if covariance not in COVARIANCES:
        raise ValueError(f"covariance={covariance!r} is not known; use one of {COVARIANCES}.")
    if covariance == "diagonal" and (noise is not None or averaging != (1, 1)):
        raise ValueError("noise and averaging need covariance='full'; leave them out with 'diagonal'.")
    if noise is not None and not (len(noise) == 2 and all(0 < level < np.inf for level in noise)):
        raise ValueError(f"noise={noise!r} must be two positive powers, at the first and the last iteration.")


def _initial_covariances(
    R: ArrayLike | Covariances | None,
    X: NDArray[Any],
    sources: tuple[str, ...],
    v: NDArray[Any],
    clue: NDArray[Any] | None,
    regularization: float,
) -> tuple[NDArray[np.complex128], dict[str, str]]:
    """Covariances to start from, and where each of them comes from in words."""
    shape = (len(v), v.shape[1], len(X), len(X))
    how = dict.fromkeys(sources, "one channel" if len(X) == 1 else "given")
    if R is None:
        R = np.ones(shape) if len(X) == 1 else Start(X, sources)
    if isinstance(R, Start):
        found: ArrayLike = R(v if clue is None else clue, told_apart=clue is not None)
        how = dict(R.how)
    elif callable(R):
        found = R(v if clue is None else clue)
    else:
        found = R
    given = np.asarray(found)
    if given.shape != shape:
        raise ValueError(f"R has shape {given.shape}; it must be (J, F, I, I) = {shape}.")
    if not np.isfinite(given).all():
        raise ValueError("R contains NaN or infinity.")
    return regularized(given.astype(np.complex128), regularization), how


def _prior_share(
    prior: float | Sequence[float], count: int, frames: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much of R comes from its initial value, (J, 1, 1, 1) in 0…1, and the frames (J,) that it is worth."""
    evidence = np.asarray(prior, np.float64)
    if evidence.ndim > 1 or evidence.size not in (1, count) or not np.all(evidence >= 0):
        raise ValueError(f"prior={prior!r} must be nonnegative, one number or one for each of the {count} sources.")
    evidence = np.broadcast_to(evidence, (count,))
    share = np.where(np.isinf(evidence), 1.0, 1 / (1 + frames / np.maximum(evidence, 1e-12)))
    return share.reshape(count, 1, 1, 1), evidence
