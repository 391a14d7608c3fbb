"""Which object, and which of its motion clusters, each component of the sound goes with."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from avfront.motion.assignment import assign
from avfront.motion.motions import Motions

if TYPE_CHECKING:
    from nmfcore.models import CrossModalResult, SourceFactors

Array = npt.NDArray[Any]
Integers = npt.NDArray[np.int64]


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


def by_timbre_too(fit: "CrossModalResult", motions: Motions, rate: int, seed: int) -> Heard:
    """The components of a regression given to the objects anew; each keeps to a cluster of its object."""
    labels = assign(fit.W, fit.H, motions.speeds[fit.sounding], rate, seed)
    weights = np.where(labels[:, None] == motions.sources, fit.A, 0)
    clusters = np.where(weights.any(axis=1), weights.argmax(axis=1), fit.sounding[labels])
    return Heard(replace(fit, labels=labels, clusters=clusters), clusters, fit.sounding, weights)


def in_order(factors: "SourceFactors", motions: Motions) -> "SourceFactors":
    """Blind sources renumbered, so that together they go best with the motions of the objects."""
    from scipy.optimize import linear_sum_assignment

    levels = np.stack([_envelopes(factors)[factors.labels == j].sum(axis=0) for j in range(motions.count)])
    alike = _correlation(levels, motions.speeds)
    best = np.stack([alike[:, motions.sources == j].max(axis=1) for j in range(motions.count)], axis=1)
    return replace(factors, labels=linear_sum_assignment(-best)[1][factors.labels])


def located(factors: "SourceFactors", motions: Motions) -> Heard:
    """For a method without motion clusters of its own: the ones of each object that go best with what is heard."""
    levels = _envelopes(factors)
    alike = _correlation(levels, motions.speeds)
    own = factors.labels[:, None] == motions.sources
    whole = np.stack([levels[factors.labels == j].sum(axis=0) for j in range(motions.count)])
    mine = np.arange(motions.count)[:, None] == motions.sources
    sounding = np.where(mine, _correlation(whole, motions.speeds), -2).argmax(axis=1)
    clusters = np.where(own, alike, -2).argmax(axis=1)
    return Heard(factors, clusters, sounding, np.maximum(alike, 0) * own)


def _envelopes(factors: "SourceFactors") -> Array:
    """Level of each component over time, (K, N)."""
    return np.asarray(factors.H * factors.W.sum(axis=0)[:, None])


def _correlation(a: Array, b: Array) -> Array:
    """Between the rows of a and those of b; 0 for a row that never changes."""
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    norm = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)
    return np.asarray(a @ b.T / np.where(norm > 0, norm, 1))
