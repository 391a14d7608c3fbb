"""The made set, its proposals, the base networks and the features: what every row of the tables stands on.

Everything is kept in one folder, and found there again by the next run.
"""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avfront import metrics
from avfront.features import FeatureCache, Features, extract
from avfront.features.extraction import audio_features
from avfront.features.weights import fingerprint
from avfront.manifest import Clip, Split, read_manifest
from avfront.mil.dataset import Examples, instances
from avfront.mil.job import BASE, TrainingJob, seeded, train
from avfront.mil.joined import Joined
from avfront.mil.memory import Memory
from avfront.mil.network import Network, Variant
from avfront.mil.raw import Raw, Share, Varied, watched
from avfront.mil.schedule import Schedule
from avfront.mil.system import FILES, System
from avfront.mil.training import fit
from avfront.proposals import Heard, Store, propose
from avfront.synth.collection import Recipe, make_set
from avfront.synth.takes import gather

from .mixtures import atomic

Array = NDArray[Any]
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
    base : Schedule
        Of the base networks.
    """

    def __init__(
        self, folder: Path, recordings: Path, recipe: Recipe, say: Callable[[str], None], base: Schedule = BASE
    ) -> None:
        self.folder, self.recipe, self._base = folder, recipe, base
        self._place = folder / "seconds.json"
        self.seconds: dict[str, float] = {}
        if self._place.exists():
            self.seconds = json.loads(self._place.read_text(encoding="utf-8"))
        begin = time.perf_counter()

        def done(stage: str) -> None:
            nonlocal begin
            self.note(stage, time.perf_counter() - begin)
            say(f"{stage}: {time.perf_counter() - begin:.0f} s")
            begin = time.perf_counter()

        manifest = make_set(folder / "set", recipe, recordings=recordings)
        self.manifest = read_manifest(manifest)
        self.takes = gather(recordings, recipe.seed)
        done("set")
        home = folder / "system"
        self.store = Store(home / "training" / "proposals")
        propose(self.manifest.clips, self.store)
        done("proposals")
        self.classes = self.manifest.classes
        job = TrainingJob(manifest, home, base_schedule=base, device="cpu")
        system = System.load(home) if (home / FILES[0]).exists() else train(job).system
        self.bases = {"audio": system.audio, "visual": system.visual}
        done("training of the small system")
        keys = [clip.key for clip in self.manifest.clips if clip.key in self.store]
        self.features: dict[str, Features] = dict(FeatureCache(self.store, system.audio, system.visual).every(keys))
        done("features")

    def note(self, stage: str, seconds: float) -> None:
        """Keep how long a stage took. One that was found done took no time now: what counts is when it was done."""
        self.seconds[stage] = max(round(seconds, 1), self.seconds.get(stage, 0.0))
        self._place.write_text(json.dumps(self.seconds), encoding="utf-8")

    def sound_features(self, heard: Heard) -> tuple[Array, Array]:
        """Features of audio proposals, TSP and NCP; kept by what was heard, and by which network."""
        name = hashlib.sha256(heard.ncp.tobytes() + fingerprint(self.bases["audio"]).encode()).hexdigest()[:16]
        place = self.folder / "heard" / f"{name}.features.npz"
        if not place.exists():
            tsp, ncp = audio_features([heard.tsp, heard.ncp], self.bases["audio"])
            with atomic(place) as file:
                np.savez(file, tsp=tsp, ncp=ncp)
        with np.load(place, allow_pickle=False) as kept:
            return kept["tsp"], kept["ncp"]

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
        self._tune_thresholds(system, self.features)
        return system

    def fine_tune(self, name: str, system: System, seed: int) -> tuple[System, dict[str, Features]]:
        """A system of segments of time that is trained on with its base networks; features of validation and test."""
        tuned = copy.deepcopy(system)
        variant = tuned.network.variant
        raw = Memory(lambda key: Raw(self.store.read(key), variant), lambda one: one.nbytes, 4e9)
        train, validation = (self._clips(split) for split in ("train", "validation"))
        bases = {"audio": tuned.audio, "visual": tuned.visual}
        # A quarter of the steps, as slow as those of `avfront train --finetune`.
        further = replace(self._base, steps=self._base.steps // 4, rate=self._base.rate / 10, seed=seed)
        with tuned.network.upon(bases):
            fit(
                tuned.network,
                Varied(self.truth(train), lambda index: raw(train[index].key), Share(), mix=False),
                watched(self.truth(validation), lambda index: raw(validation[index].key)),
                further,
                self.folder / "heads" / f"{name}, fine-tuned-{seed}",
                stamp=fingerprint(tuned.network),
                trained=True,
            )
        used = {sense: base if sense in tuned.network.heads else None for sense, base in bases.items()}
        features = {}
        for clip in (*validation, *self._clips("test")):
            proposals = self.store.read(clip.key)
            none = {part: getattr(proposals, part)[:0] for part in ("ncp", "ncp_times", "ncp_components")}
            features[clip.key] = extract(replace(proposals, **none), **used)
        self._tune_thresholds(tuned, features)
        return tuned, features

    def _tune_thresholds(self, system: System, features: Mapping[str, Features]) -> None:
        clips = self._clips("validation")
        scores = np.stack([system.score(features[clip.key]).classes for clip in clips])
        system.thresholds = metrics.tune_thresholds(self.truth(clips), scores).astype(np.float32)

    def _examples(self, split: Split, take: Callable[[str, Any], Any]) -> Examples:
        clips = self._clips(split)
        kind = Joined if split == "train" else Examples
        return kind(self.truth(clips), lambda index, rng: take(clips[index].key, rng))

    def _clips(self, split: Split) -> list[Clip]:
        return [clip for clip in self.manifest.of(split) if clip.key in self.store]
