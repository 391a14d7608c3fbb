"""The made set, its proposals, the base networks and the features: what every row of the tables stands on.

Everything is kept in one folder, and found there again by the next run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avfront import metrics
from avfront.features import Features, audio_network, extract_all, visual_network
from avfront.features.weights import fingerprint
from avfront.manifest import Clip, Split, read_manifest
from avfront.mil.dataset import Examples, instances
from avfront.mil.job import seeded
from avfront.mil.network import Network, Variant
from avfront.mil.raw import Raw, Share
from avfront.mil.system import System
from avfront.mil.training import Schedule, fit
from avfront.proposals import Store, propose
from avfront.synth.collection import Recipe, make_set
from avfront.synth.takes import gather

Array = NDArray[Any]
BASES = {
    "audio": Schedule(steps=600, batch=24, rate=1e-3, interval=25, patience=8),
    "visual": Schedule(steps=250, batch=16, rate=1e-3, interval=25, patience=8),
}
HEADS = Schedule(steps=600, batch=24, rate=1e-3, interval=25, patience=8)


class World:
    """All that is made once.

    Parameters
    ----------
    folder : Path
        Where it is kept.
    recordings : Path
        With ``clips/`` and ``noise/``.
    recipe : Recipe
        Of the set.
    say : function
        Told what is being done.
    """

    def __init__(self, folder: Path, recordings: Path, recipe: Recipe, say: Callable[[str], None]) -> None:
        self.folder, self.recipe = folder, recipe
        self.seconds: dict[str, float] = {}
        begin = time.perf_counter()

        def done(stage: str) -> None:
            nonlocal begin
            self.seconds[stage] = round(time.perf_counter() - begin, 1)
            say(f"{stage}: {self.seconds[stage]:.0f} s")
            begin = time.perf_counter()

        self.manifest = read_manifest(make_set(folder / "set", recipe, recordings=recordings))
        self.takes = gather(recordings, recipe.seed)
        done("set")
        self.store = Store(folder / "proposals")
        propose(self.manifest.clips, self.store)
        done("proposals")
        self.classes = self.manifest.classes
        self.bases = {"audio": audio_network("small"), "visual": visual_network("small")}
        for name, base in self.bases.items():
            self._learn(name, base)
            done(f"{name} network")
        self.features: dict[str, Features] = dict(
            extract_all(
                self.store, [clip.key for clip in self.manifest.clips], self.bases["audio"], self.bases["visual"]
            )
        )
        done("features")

    def truth(self, clips: Sequence[Clip]) -> NDArray[np.bool_]:
        """Labels (L, C) of clips."""
        return np.array([[kind in clip.labels for kind in self.classes] for clip in clips])

    def train(self, name: str, variant: Variant, seed: int) -> System:
        """A system on the features of the training clips, its thresholds tuned on the validation clips."""
        with seeded(seed):
            network = Network(variant, len(self.classes), {part: base.size for part, base in self.bases.items()})
        held = {key: instances(features, variant) for key, features in self.features.items()}
        examples = [self._examples(split, lambda key, rng: held[key]) for split in ("train", "validation")]
        schedule = Schedule(**{**vars(HEADS), "seed": seed})
        stamp = fingerprint(self.bases["audio"]) + fingerprint(self.bases["visual"])
        fit(network, *examples, schedule, self.folder / "heads" / f"{name}-{seed}", stamp=stamp)
        thresholds = np.zeros(len(self.classes), np.float32)
        system = System(
            self.classes, thresholds, network, self.bases["audio"], self.bases["visual"], self.store.settings
        )
        clips = self.manifest.of("validation")
        scores = np.stack([system.score(self.features[clip.key]).classes for clip in clips])
        system.thresholds = metrics.tune_thresholds(self.truth(clips), scores).astype(np.float32)
        return system

    def _learn(self, name: str, base: Any) -> None:
        """A base network, trained alone from the same labels."""
        variant = Variant(modalities=name, audio="tsp", hidden=0)
        with seeded(0):
            network = Network(variant, len(self.classes), {name: base.size}, {name: base})
        raw = lru_cache(maxsize=None)(lambda key: Raw(self.store.read(key), variant))
        examples = [
            self._examples(split, lambda key, rng: raw(key).instances(Share(), rng))
            for split in ("train", "validation")
        ]
        fit(network, *examples, BASES[name], self.folder / "bases" / name)
        base.eval()

    def _examples(self, split: Split, take: Callable[[str, Any], Any]) -> Examples:
        clips = [clip for clip in self.manifest.of(split) if clip.key in self.store]
        return Examples(self.truth(clips), lambda index, rng: take(clips[index].key, rng))
