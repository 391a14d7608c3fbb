"""Separation by what moves: components of the sound go to the object whose motion explains them.

Parekh (2019), chapters 3 and 4, and the methods that they are compared with. Each is one call of nmfcore; by default,
timbre has a say in which object a component goes to.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from avfront.errors import AvfrontError
from avfront.motion.assignment import assign

if TYPE_CHECKING:
    from nmfcore.models import CrossModalResult, SourceFactors

Array = npt.NDArray[Any]
Integers = npt.NDArray[np.int64]

NAMES = ("regression", "soft-coupled", "mel", "motion-init", "motion-cluster")
ESTIMATORS = ("timbre", "ls", "spls", "joint")
FRAME_SECONDS = 0.0929  # 4096 samples at 44.1 kHz, Hamming, three quarters overlap: the thesis's
OVERLAP = 4

# Mean sum over a frame's bins. The smoothness of soft coupling depends on it: at this level, strings come out best
# with the thesis's weights.
_LEVEL = 10.0
_ITERATIONS = {"regression": 200, "mel": 200}  # the others 100
_PER_SOURCE = {"regression": 15, "mel": 15, "motion-cluster": 4}  # components; the others follow the motion


@dataclass(frozen=True)
class Motions:
    """What is known of the objects' motion, on the frames of the sound; J objects.

    Attributes
    ----------
    speeds : array (C, N)
        Of each motion cluster, ≥ 0.
    sources : integers (C,)
        Object of each cluster, 0…J − 1, none left out.
    activations : array (K_m, N)
        Motion activations, ≥ 0: one row for each component that is coupled to motion.
    activation_sources : integers (K_m,)
        Object of each row.
    """

    speeds: Array
    sources: Integers
    activations: Array
    activation_sources: Integers

    @property
    def count(self) -> int:
        """J."""
        return int(self.sources.max()) + 1

    def strongest(self, most: int) -> Integers:
        """The clusters of each object that move most, in the order of the objects."""
        power = np.square(self.speeds).mean(axis=1)
        order = np.lexsort((-power, self.sources))
        rank = np.arange(len(order)) - np.searchsorted(self.sources[order], self.sources[order])
        return np.asarray(order[rank < most])


@dataclass(frozen=True)
class ByMotion:
    """Settings of one method; None is what the thesis uses.

    Attributes
    ----------
    name : str
        One of :data:`NAMES`.
    estimator : str
        Of regression: "ls" (least squares after NMF), "spls" (the same, sparse) or "joint" (with NMF, from an NMF
        start), as in the thesis; or "timbre" (least squares, and timbre decides too:
        :func:`avfront.motion.assignment.assign`).
    components : int, optional
        Spectral patterns per object; 15 for regression and mel, 4 for motion-cluster. The coupled methods have one
        for each motion activation, and no choice.
    iterations : int, optional
        Multiplicative updates: 200 for regression and mel, 100 for the others.
    restarts : int
        Random starts, of which the one with the lowest objective is kept.
    """

    name: str = "regression"
    estimator: str = "timbre"
    components: int | None = None
    iterations: int | None = None
    restarts: int = 5

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise AvfrontError(
                f"there is no method '{self.name}' for motion", remedy=f"use --method {' or '.join(NAMES)}", usage=True
            )
        if self.estimator not in ESTIMATORS:
            raise AvfrontError(
                f"there is no estimator '{self.estimator}'", remedy=f"use {' or '.join(ESTIMATORS)}", usage=True
            )
        if self.components is not None and self.name not in _PER_SOURCE:
            raise AvfrontError(
                f"the method {self.name} has no option --components: its motion decides",
                remedy="leave it out, or choose another method",
                usage=True,
            )
        for option, value in (("components", self.components), ("iterations", self.iterations)):
            if value is not None and value < 1:
                raise AvfrontError(f"--{option} {value} is too few", remedy="give 1 or more", usage=True)
        if self.restarts < 1:
            raise AvfrontError(f"--restarts {self.restarts} is too few", remedy="give 1 or more", usage=True)

    @property
    def updates(self) -> int:
        """Iterations, the default filled in."""
        return self.iterations or _ITERATIONS.get(self.name, 100)


@dataclass(frozen=True)
class Heard:
    """What the sound is made of, and which motion it goes with.

    Attributes
    ----------
    factors : SourceFactors
        Patterns, activations and the object of each component.
    clusters : integers (K,)
        Motion cluster of each component.
    sounding : integers (J,)
        Motion cluster that makes the sound of each object.
    weights : array (K, C)
        How much each component explains of each cluster's speed.
    """

    factors: "SourceFactors"
    clusters: Integers
    sounding: Integers
    weights: Array


def separate(
    V: Array,
    motions: Motions,
    settings: ByMotion,
    *,
    rate: int,
    seed: int,
    device: str = "auto",
    progress: Callable[[float], None] = lambda share: None,
) -> Heard:
    """Factorize the magnitude spectrogram V (F, N) and give each component to an object.

    Parameters
    ----------
    V : array (F, N)
        Not all zero.
    motions : Motions
        On the same N frames.
    settings : ByMotion
        The method.
    rate : int
        Of the sound, Hz.
    seed : int
        Of the random starts.
    device : str
        As for :func:`nmfcore.nmf`.
    progress : callable
        Called with the share that is done, 0…1.

    >>> rng = np.random.default_rng(0)
    >>> speeds = rng.gamma(0.3, size=(2, 80))
    >>> V = np.kron(np.eye(2), np.ones((5, 1))) @ speeds
    >>> motions = Motions(speeds, np.arange(2), speeds, np.arange(2))
    >>> heard = separate(V, motions, ByMotion(components=1, iterations=50), rate=16000, seed=0)
    >>> parts = heard.factors.parts()
    >>> bool(parts[0][:5].sum() > 50 * parts[0][5:].sum()), heard.sounding.tolist()
    (True, [0, 1])
    """
    from nmfcore import models

    common: dict[str, Any] = {
        "n_iter": settings.updates,
        "n_restarts": settings.restarts,
        "seed": seed,
        "device": device,
        "callback": lambda iteration, values: progress(iteration / settings.updates),
    }
    V = V * (_LEVEL / float(V.sum(axis=0).mean()))  # the level of a recording shall decide nothing
    J = motions.count
    components = (settings.components or _PER_SOURCE.get(settings.name, 1)) * J
    if settings.name == "regression":
        fit = models.cross_modal_regression(
            V,
            motions.speeds.T,
            motions.sources,
            method={"spls": "sparse", "joint": "joint"}.get(settings.estimator, "ls"),
            n_components=components,
            **common,
        )
        if settings.estimator == "timbre":
            return _by_timbre_too(fit, motions, rate, seed)
        return Heard(fit, fit.clusters, fit.sounding, fit.A)
    factors: SourceFactors
    if settings.name == "soft-coupled":
        factors = models.soft_coupled_nmf(V, motions.activations, motions.activation_sources, **common)
    elif settings.name == "motion-init":
        factors = models.motion_init_nmf(V**2, motions.activations, motions.activation_sources, **common)
    elif settings.name == "motion-cluster":
        factors = models.motion_clustering(
            V**2, motions.speeds[motions.strongest(1)], n_components=components, **common
        )
    else:
        blind = models.mel_clustering(V, J, rate, n_components=components, **common)
        factors = _in_order(blind, motions)
    return _located(factors, motions)


def _by_timbre_too(fit: "CrossModalResult", motions: Motions, rate: int, seed: int) -> Heard:
    """The components of a regression given to the objects anew; each keeps to a cluster of its object."""
    labels = assign(fit.W, fit.H, motions.speeds[fit.sounding], rate, seed)
    weights = np.where(labels[:, None] == motions.sources, fit.A, 0)
    clusters = np.where(weights.any(axis=1), weights.argmax(axis=1), fit.sounding[labels])
    return Heard(replace(fit, labels=labels, clusters=clusters), clusters, fit.sounding, weights)


def _correlation(a: Array, b: Array) -> Array:
    """Between the rows of a and those of b; 0 for a row that never changes."""
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    norm = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)
    return np.asarray(a @ b.T / np.where(norm > 0, norm, 1))


def _envelopes(factors: "SourceFactors") -> Array:
    """Level of each component over time, (K, N)."""
    return np.asarray(factors.H * factors.W.sum(axis=0)[:, None])


def _in_order(factors: "SourceFactors", motions: Motions) -> "SourceFactors":
    """Blind sources renumbered, so that together they go best with the motions of the objects."""
    from scipy.optimize import linear_sum_assignment

    levels = np.stack([_envelopes(factors)[factors.labels == j].sum(axis=0) for j in range(motions.count)])
    alike = _correlation(levels, motions.speeds)
    best = np.stack([alike[:, motions.sources == j].max(axis=1) for j in range(motions.count)], axis=1)
    return replace(factors, labels=linear_sum_assignment(-best)[1][factors.labels])


def _located(factors: "SourceFactors", motions: Motions) -> Heard:
    """For a method without motion clusters of its own: the ones of each object that go best with what is heard."""
    levels = _envelopes(factors)
    alike = _correlation(levels, motions.speeds)
    own = factors.labels[:, None] == motions.sources
    whole = np.stack([levels[factors.labels == j].sum(axis=0) for j in range(motions.count)])
    mine = np.arange(motions.count)[:, None] == motions.sources
    sounding = np.where(mine, _correlation(whole, motions.speeds), -2).argmax(axis=1)
    clusters = np.where(own, alike, -2).argmax(axis=1)
    return Heard(factors, clusters, sounding, np.maximum(alike, 0) * own)
