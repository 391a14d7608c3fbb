"""The sound of one class out of a mixture: its NMF components chosen by how relevant the system finds them.

Parekh et al., WASPAA 2019, section 2.2, and TASLP 2020, section V.C: with β_{k,t} the score of segment t of component k
for the class, α_k = max_t β_{k,t}, and α'_k is α_k scaled to 0…1 over the components of the clip. The share g_k of
component k goes to the class, the rest of it to what remains::

    S = Σ g_k w_k h_k / WH ⊙ X        N = Σ (1 - g_k) w_k h_k / WH ⊙ X

with g = α' (``"soft"``) or g_k = 1 where α'_k ≥ τ, else 0.

The papers find that one τ does not suit all clips and leave an adaptive one open; this is ours (``"adaptive"``). Let
e_k be the energy of component k in the mixture and q_k the share of it that is the class's. Components hardly overlap,
so that for a choice T of them the projection on the true source keeps the energy (Σ_T q e)² / Σ q e of Σ_T e, and the
expected SDR (TASLP, equation 6) grows with

    J(T) = (Σ_T q e)² / Σ_T e,

which is largest for some T = {q_k ≥ θ}: adding a component pays while its q is above about half of what T has on
average. The K possible sets are tried. The log-odds of q_k add up what is known of a component:

    log q_k / (1 - q_k) = b + w_α α'_k + w_c log c_k + w_e log(e_k / Σ e).

Beside the relevance α' that is the noise floor. Background goes on while events begin and end, so that its components
are steady: the crest c_k, the rms over the mean of the activation smoothed over a quarter of a second, is near 1. And
a background is spread over many weak components, while an event is in few. Solved for α', a component belongs to the
class where

    α'_k ≥ τ_k = (log(θ / (1 - θ)) - b - w_c log c_k - w_e log(e_k / Σ e)) / w_α:

each has a threshold of its own, the higher the more it is like background. The weights are the logistic regression of
the true q on mixtures of the made set's validation clips (benchmarks/quality/mil), where the stems are known, but for
w_α, which is larger than that.
"""

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import numpy.typing as npt

from avfront.errors import AvfrontError
from avfront.proposals import Heard, spectrogram, waveform

Array = npt.NDArray[np.float64]
Sound = npt.NDArray[np.float32]
Rule = float | Literal["soft", "adaptive"]

_SMOOTH = 8  # frames of 32 ms
# Crest and energy as fitted on validation mixtures; see above. The fit gives relevance 0.1, since the scores of small
# networks say little of single components; 2 costs 0.9 dB there, and leaves the class a say where several sound.
_BIAS, _OF_RELEVANCE, _OF_CREST, _OF_ENERGY = -1.0, 2.0, 2.6, 0.85


@dataclass(frozen=True)
class Enhanced:
    """The sound of one class in one clip.

    Attributes
    ----------
    label : str
        The class.
    relevance : array (K,)
        α' of the components, 0…1.
    thresholds : array (K,) or None
        τ of each component, given or adapted to the clip; None for the soft mask.
    gains : array (K,)
        Share of each component that goes to the class, 0…1.
    source, rest : float32 (T,)
        The class and what remains, at 16 kHz; they add up to the mixture.
    """

    label: str
    relevance: Array
    thresholds: Array | None
    gains: Array
    source: Sound
    rest: Sound


def relevance(scores: npt.ArrayLike, components: npt.NDArray[np.integer], count: int) -> Array:
    """α' (K,) from the scores (Q,) of the components' segments; 1 for all where they are all equally relevant.

    >>> relevance([0.1, 0.5, -0.2, 0.0], np.array([0, 0, 1, 1]), 2).tolist()
    [1.0, 0.0]
    """
    best = np.full(count, -np.inf)
    np.maximum.at(best, components, np.asarray(scores, float))
    low, high = float(best.min()), float(best.max())
    return np.asarray((best - low) / (high - low)) if high > low else np.ones(count)


def energies(mixture: npt.NDArray[np.complexfloating], patterns: Array, activations: Array) -> Array:
    """Energy (K,) of the mixture (F, N) that the mask of each component takes.

    >>> W, H = np.eye(2), np.array([[1.0, 2.0], [1.0, 0.0]])
    >>> energies(W @ H + 0j, W, H).tolist()
    [5.0, 1.0]
    """
    model = patterns @ activations
    ratio = np.divide(np.abs(mixture) ** 2, model, out=np.zeros_like(model), where=model > 0)
    return np.asarray((activations * (patterns.T @ ratio)).sum(axis=1), float)


def crests(activations: Array) -> Array:
    """How bursty each of the activations (K, N) is: rms over mean when smoothed over a quarter of a second; ≥ 1.

    >>> crests(np.array([[1.0] * 64, [0.0] * 48 + [1.0] * 16])).round(1).tolist()
    [1.0, 1.9]
    """
    width = min(_SMOOTH, activations.shape[1])
    padded = np.pad(activations, ((0, 0), (width // 2, (width - 1) // 2)), mode="edge")
    smooth = np.lib.stride_tricks.sliding_window_view(padded, width, axis=1).mean(axis=-1)
    mean = smooth.mean(axis=1)
    return np.divide(np.sqrt(np.square(smooth).mean(axis=1)), mean, out=np.ones_like(mean), where=mean > 0)


def adaptive_thresholds(relevance: Array, energies: Array, crests: Array) -> Array:
    """τ_k (K,), above which each component belongs to the class; see the head of this module.

    >>> steady, bursty = adaptive_thresholds(np.array([0.5, 0.5]), np.ones(2), np.array([1.0, 4.0]))
    >>> bool(bursty < 0.5 < steady)
    True
    """
    share = np.maximum(energies / max(float(energies.sum()), 1e-300), 1e-6)
    background = _BIAS + _OF_CREST * np.log(crests) + _OF_ENERGY * np.log(share)
    odds = background + _OF_RELEVANCE * relevance
    purity = 1 / (1 + np.exp(-odds))
    order = np.argsort(-odds, kind="stable")
    expected = np.cumsum((purity * energies)[order]) ** 2 / np.maximum(np.cumsum(energies[order]), 1e-300)
    # Halfway to the next component below, so that rounding decides nothing.
    last = int(np.argmax(expected))
    below = odds[order[last + 1]] if last + 1 < len(odds) else odds[order[last]] - 1.0
    return np.asarray(((odds[order[last]] + below) / 2 - background) / _OF_RELEVANCE)


def gains(relevance: Array, rule: Rule, energies: Array, crests: Array) -> tuple[Array, Array | None]:
    """The share g (K,) of each component that goes to the class, and the thresholds (K,) that it came from, if any.

    Raises
    ------
    AvfrontError
        (usage) If the rule is neither ``"soft"``, ``"adaptive"`` nor a threshold in 0…1.

    >>> gains(np.array([0.0, 0.3, 1.0]), 0.2, np.ones(3), np.ones(3))[0]
    array([0., 1., 1.])
    """
    if rule == "soft":
        return relevance, None
    if rule == "adaptive":
        thresholds = adaptive_thresholds(relevance, energies, crests)
    elif not isinstance(cast(object, rule), str) and 0 <= rule <= 1:
        thresholds = np.full(len(relevance), float(rule))
    else:
        raise AvfrontError(
            f"the mask '{rule}' is not known", remedy="choose adaptive, soft, or a threshold from 0 to 1", usage=True
        )
    return (relevance >= thresholds).astype(float), thresholds


def enhance(label: str, sound: Sound, scores: npt.ArrayLike, heard: Heard, *, rule: Rule = "adaptive") -> Enhanced:
    """The sound of a class out of a mixture.

    Parameters
    ----------
    label : str
        The class, for the record.
    sound : array (T,)
        The mixture, mono at 16 kHz.
    scores : array (Q,)
        β: of the NMF component proposals for the class.
    heard : Heard
        Those proposals, with the factorization of the mixture that they come from.
    rule : "adaptive", "soft" or float
        How relevance becomes a mask; a number is a fixed τ in 0…1.

    Raises
    ------
    AvfrontError
        If there are no such proposals, or their scores do not fit them.
    """
    scores = np.asarray(scores, float)
    if len(scores) != len(heard.ncp_components) or not len(scores):
        raise AvfrontError(
            f"{len(scores)} scores do not fit {len(heard.ncp_components)} component proposals",
            remedy="give a system that hears NMF components (avfront train --audio ncp or both)",
        )
    X = spectrogram(sound)
    patterns, activations = np.asarray(heard.patterns, float), np.asarray(heard.activations, float)
    relevant = relevance(scores, heard.ncp_components, len(activations))
    share, thresholds = gains(relevant, rule, energies(X, patterns, activations), crests(activations))
    model = patterns @ activations
    mask = np.divide((patterns * share) @ activations, model, out=np.zeros_like(model), where=model > 0)
    source = waveform((mask * X).astype(np.complex64), len(sound))
    return Enhanced(label, relevant, thresholds, share, source, sound - source)
