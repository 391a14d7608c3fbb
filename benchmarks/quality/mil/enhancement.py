"""Rows of TASLP Table V and WASPAA Table 3: single sounds out of the noise of other scenes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avfront.enhancement import Rule, crests, gains, relevance
from avfront.manifest import Split
from avfront.mil.system import Scores, System
from avfront.proposals import spectrogram, waveform
from avfront.synth.collection import read_truth
from nmfcore import models

from .mixtures import Mixture, Scale, mixtures, scale, sdr
from .world import World

Array = NDArray[Any]
FIXED = tuple(round(0.05 * k, 2) for k in range(1, 20))
RULES: tuple[Rule, ...] = ("soft", *FIXED, "adaptive")
SYSTEMS = ("V + A (NCP)", "V + A (NCP, TSP)")
PATTERNS, FREE = 100, 20  # of each class's dictionary, and of what has none


def scaled(world: World, split: Split, per_class: int) -> Iterator[tuple[Mixture, Scale]]:
    """The mixtures of a split."""
    for mixture in mixtures(world.manifest, world.takes, split, world.folder / "heard", per_class=per_class):
        yield mixture, scale(mixture, world.folder / "scales")


def rows_of(
    world: World, systems: Mapping[str, System], mixed: Sequence[tuple[Mixture, Scale]]
) -> dict[str, dict[str, Any]]:
    """SDR of each system and rule, label known and unknown, of one seed: the mean over mixtures, and each of them."""
    found: dict[str, dict[str, Any]] = {}
    for name in SYSTEMS:
        system = systems[name]
        values: dict[tuple[str, str], list[float]] = {}
        for (mixture, ruler), scores in zip(mixed, scored(world, system, mixed), strict=True):
            labels = {"known": system.classes.index(mixture.kind), "unknown": int(np.argmax(scores.classes))}
            crest = crest_of(mixture)
            for mode, label in labels.items():
                relevant = relevance(scores.ncp[:, label], mixture.heard.ncp_components, len(ruler.energies))
                masks = {str(rule): gains(relevant, rule, ruler.energies, crest)[0] for rule in RULES}
                # What the noise floor alone would choose, and what relevance alone.
                half, ones = np.full(len(relevant), 0.5), np.ones(len(relevant))
                masks["adaptive, noise floor only"] = gains(half, "adaptive", ruler.energies, crest)[0]
                masks["adaptive, relevance only"] = gains(relevant, "adaptive", ones, ones)[0]
                for rule, share in masks.items():
                    values.setdefault((mode, rule), []).append(ruler.sdr(share))
        for (mode, rule), each in values.items():
            found[f"{name}, {rule}, {mode}"] = {"sdr": float(np.mean(each)), "each": np.round(each, 2).tolist()}
    return found


def baselines(world: World, mixed: Sequence[tuple[Mixture, Scale]], seed: int) -> dict[str, dict[str, Any]]:
    """Supervised NMF with the known class, Mel clustering in the better order, and the ends of the scale.

    As in the papers the dictionaries are learned from the weakly labelled clips themselves, with what else is in them.
    "Projected" is their form: the mixture on the dictionary of its class alone, whose model is the source's magnitude;
    "with free patterns" gives the noise some of its own, and masks; "among all classes" sets the dictionary of the
    class beside those of all others, and masks.
    """
    clips = world.manifest.of("train")
    recordings = {
        kind: [
            np.abs(spectrogram(np.sum(list(read_truth(clip.path).stems.values()), axis=0)))
            for clip in [clip for clip in clips if kind in clip.labels][:20]
        ]
        for kind in world.classes
    }
    values: dict[str, list[float]] = {}
    dictionaries = {
        kind: models.learn_dictionary_online({kind: own}, PATTERNS, seed=seed) for kind, own in recordings.items()
    }
    everything = models.learn_dictionary_online(recordings, PATTERNS, seed=seed)
    for mixture, ruler in mixed:
        X = spectrogram(mixture.sound)
        V, phase = np.abs(X), X / np.maximum(np.abs(X), 1e-12)
        learned = dictionaries[mixture.kind]
        alone = models.supervised_nmf(V, learned, n_iter=50, seed=seed).parts()[0]
        parts = models.supervised_nmf(V, learned, background=FREE, n_iter=50, seed=seed).parts()
        shared = models.supervised_nmf(V, everything, n_iter=50, seed=seed).parts()
        own = shared[everything.sources.index(mixture.kind)]
        mel = models.mel_clustering(V, 2, 16000, n_components=20, n_restarts=1, seed=seed).parts()
        estimates = {
            "supervised NMF, projected": [alone * phase],
            "supervised NMF, with free patterns": [parts[0] / np.maximum(parts.sum(0), 1e-12) * X],
            "supervised NMF, among all classes": [own / np.maximum(shared.sum(0), 1e-12) * X],
            "Mel clustering, better order": [part / np.maximum(mel.sum(0), 1e-12) * X for part in mel],
        }
        for name, each in estimates.items():
            sounds = [waveform(one.astype(np.complex64), len(mixture.source)) for one in each]
            values.setdefault(name, []).append(max(sdr(mixture.source, sound) for sound in sounds))
        values.setdefault("mixture itself", []).append(ruler.sdr(np.ones(len(ruler.energies))))
        values.setdefault("best choice of components by one τ per mixture", []).append(ceiling(ruler))
    return {name: {"sdr": float(np.mean(each)), "each": np.round(each, 2).tolist()} for name, each in values.items()}


def ceiling(ruler: Scale) -> float:
    """SDR of the best number of components, taken in the order of how much of each is the true source's."""
    share = np.diag(ruler.target) / np.maximum(np.diag(ruler.whole), 1e-12)
    order = np.argsort(-share)
    return max(ruler.sdr(np.isin(np.arange(len(share)), order[: n + 1]).astype(float)) for n in range(len(share)))


def fitted(world: World, system: System, mixed: Sequence[tuple[Mixture, Scale]]) -> dict[str, float]:
    """The weights of the adaptive threshold that these mixtures (of validation clips) ask for, label known.

    :mod:`avfront.enhancement` holds such weights as constants; here one sees where they come from.
    """
    from sklearn.linear_model import LogisticRegression

    known, true = [], []
    for relevant, (mixture, ruler) in zip(relevances(world, system, mixed), mixed, strict=True):
        share = np.maximum(ruler.energies / ruler.energies.sum(), 1e-6)
        known.append(np.stack([relevant, np.log(crest_of(mixture)), np.log(share)], axis=1))
        true.append(np.clip(np.diag(ruler.target) / np.maximum(np.diag(ruler.whole), 1e-12), 0, 1))
    x, q = np.concatenate(known), np.concatenate(true)
    # A share as a weighted pair of yes and no.
    fit = LogisticRegression(C=10.0).fit(
        np.concatenate([x, x]), np.repeat([1, 0], len(q)), sample_weight=np.concatenate([q, 1 - q])
    )
    names = ("relevance", "crest", "energy")
    return {"bias": float(fit.intercept_[0])} | dict(zip(names, map(float, fit.coef_[0]), strict=True))


def relevances(world: World, system: System, mixed: Sequence[tuple[Mixture, Scale]]) -> Iterator[Array]:
    """α' (K,) of the components of each mixture for its true class."""
    for (mixture, ruler), scores in zip(mixed, scored(world, system, mixed), strict=True):
        label = system.classes.index(mixture.kind)
        yield relevance(scores.ncp[:, label], mixture.heard.ncp_components, len(ruler.energies))


def scored(world: World, system: System, mixed: Sequence[tuple[Mixture, Scale]]) -> Iterator[Scores]:
    """What a system says of each mixture, seen with the pictures of its clip."""
    for mixture, _ in mixed:
        tsp, ncp = world.sound_features(mixture.heard)
        yield system.score(replace(world.features[mixture.key], tsp=tsp, ncp=ncp))


def crest_of(mixture: Mixture) -> Array:
    """Of the activations."""
    return crests(np.asarray(mixture.heard.activations, float))
