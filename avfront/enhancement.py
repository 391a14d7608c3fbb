"""The sound of one class out of a mixture: its NMF components chosen by how relevant the system finds them.

Parekh et al., WASPAA 2019, section 2.2, and TASLP 2020, section V.C: with β_{k,t} the score of segment t of component k
for the class, α_k = max_t β_{k,t}, and α'_k is α_k scaled to 0…1 over the components of the clip. The share g_k of
component k goes to the class, the rest of it to what remains::

    S = Σ g_k w_k h_k / WH ⊙ X        N = Σ (1 - g_k) w_k h_k / WH ⊙ X

with g = α' (``"soft"``) or g_k = 1 where α'_k ≥ τ, else 0.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from avfront.errors import AvfrontError
from avfront.proposals import Heard, Proposals, spectrogram, waveform

Array = npt.NDArray[np.float64]
Sound = npt.NDArray[np.float32]
Rule = float | Literal["soft", "adaptive"]


@dataclass(frozen=True)
class Enhanced:
    """The sound of one class in one clip.

    Attributes
    ----------
    label : str
        The class.
    relevance : array (K,)
        α' of the components, 0…1.
    threshold : float or None
        τ, given or adapted to the clip; None for the soft mask.
    gains : array (K,)
        Share of each component that goes to the class, 0…1.
    source, rest : float32 (T,)
        The class and what remains, at 16 kHz; they add up to the mixture.
    """

    label: str
    relevance: Array
    threshold: float | None
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


def adaptive_threshold(relevance: Array, energies: Array) -> float:
    """PLACEHOLDER."""
    order = np.argsort(-relevance, kind="stable")
    purity = relevance[order]
    gained, taken = np.cumsum(purity * energies[order]), np.cumsum(energies[order])
    return float(relevance[order][np.argmax(gained**2 / np.maximum(taken, 1e-300))])


def gains(relevance: Array, rule: Rule, energies: Array) -> tuple[Array, float | None]:
    """The share g (K,) of each component that goes to the class, and the threshold τ that it came from, if any.

    Raises
    ------
    AvfrontError
        (usage) If the rule is neither ``"soft"``, ``"adaptive"`` nor a threshold in 0…1.

    >>> gains(np.array([0.0, 0.3, 1.0]), 0.2, np.ones(3))
    (array([0., 1., 1.]), 0.2)
    """
    if rule == "soft":
        return relevance, None
    if (isinstance(rule, str) and rule != "adaptive") or (not isinstance(rule, str) and not 0 <= rule <= 1):
        raise AvfrontError(
            f"the mask '{rule}' is not known", remedy="choose adaptive, soft, or a threshold from 0 to 1", usage=True
        )
    threshold = adaptive_threshold(relevance, energies) if isinstance(rule, str) else float(rule)
    return (relevance >= threshold).astype(float), threshold


def enhance(
    label: str, sound: Sound, scores: npt.ArrayLike, heard: Heard | Proposals, *, rule: Rule = "adaptive"
) -> Enhanced:
    """The sound of a class out of a mixture.

    Parameters
    ----------
    label : str
        The class, for the record.
    sound : array (T,)
        The mixture, mono at 16 kHz.
    scores : array (Q,)
        β: of the NMF component proposals for the class.
    heard : Heard or Proposals
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
    share, threshold = gains(relevant, rule, energies(X, patterns, activations))
    model = patterns @ activations
    mask = np.divide((patterns * share) @ activations, model, out=np.zeros_like(model), where=model > 0)
    source = waveform((mask * X).astype(np.complex64), len(sound))
    return Enhanced(label, relevant, threshold, share, source, sound - source)
