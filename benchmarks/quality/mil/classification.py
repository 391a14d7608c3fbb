"""Rows of TASLP Tables I to IV and of WASPAA Tables 1 and 2, and localisation, which the papers show by examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avfront import metrics
from avfront.features import Features
from avfront.localization import gathered, segments
from avfront.manifest import Clip
from avfront.mil.network import Variant
from avfront.mil.system import Scores, System
from avfront.proposals import Proposals
from avfront.synth.collection import Truth, read_truth

from .mixtures import at_level, heard_once
from .world import World

Array = NDArray[Any]
SYSTEMS = {
    "AV TS": Variant(audio="tsp"),
    "Sync. AV TS": Variant("synchronous", audio="tsp"),
    "AO TS": Variant(modalities="audio", audio="tsp"),
    "VO TS": Variant(modalities="visual"),
    "VO TS WSDDN-Type": Variant("wsddn", "visual"),
    "AV OS": Variant("one-stream", audio="tsp", sharpness=1.0),
    "AV OS, sharper": Variant("one-stream", audio="tsp"),
    "A (NCP)": Variant(modalities="audio", audio="ncp"),
    "A (NCP, TSP)": Variant(modalities="audio", audio="both"),
    "V + A (NCP)": Variant(audio="ncp"),
    "V + A (NCP, TSP)": Variant(audio="both"),
}
FUSIONS = {"A (TSP) + A (NCP)": ("AO TS", "A (NCP)"), "V + A (TSP) + V + A (NCP)": ("AV TS", "V + A (NCP)")}
TUNED = ("AV TS", "AO TS")
NOISY = ("AV TS", "V + A (NCP, TSP)", "AO TS", "A (NCP, TSP)")
NOISE_DB = (0.0, -10.0, -20.0)


def score(system: System, features: Mapping[str, Features], clips: Sequence[Clip]) -> list[Scores]:
    """What a system says of clips."""
    return [system.score(features[clip.key]) for clip in clips]


def classified(truth: NDArray[np.bool_], scores: Array, thresholds: Array) -> dict[str, Any]:
    """Micro F1, precision and recall at thresholds, mAP, and accuracy on the clips of one class."""
    single = truth.sum(axis=1) == 1
    per_class = metrics.f_score(truth, scores > thresholds, per_class=True).f1
    return {
        **{name: float(value) for name, value in vars(metrics.f_score(truth, scores > thresholds)).items()},
        "map": metrics.mean_average_precision(truth, scores),
        "accuracy": metrics.accuracy(truth[single], scores[single]),
        "f1_of_class": [float(value) for value in per_class],
    }


def rows_of(world: World, systems: Mapping[str, System]) -> dict[str, dict[str, Any]]:
    """All rows but those in noise, of one seed."""
    test, validation = world.manifest.of("test"), world.manifest.of("validation")
    truths = [read_truth(clip.path) for clip in test]
    found, said = {}, {}
    for name, system in systems.items():
        scores = score(system, world.features, test)
        said[name] = np.stack([one.classes for one in scores])
        row = classified(world.truth(test), said[name], system.thresholds)
        if len(scores[0].tsp):
            row |= detected(world, system, scores, truths)
        if len(scores[0].visual):
            row |= located(world, scores, truths, by_part=False)
            row |= {f"{key}_by_part": value for key, value in located(world, scores, truths, by_part=True).items()}
        found[name] = row
    for name, parts in FUSIONS.items():
        tuned = sum(
            np.stack([one.classes for one in score(systems[part], world.features, validation)]) for part in parts
        )
        thresholds = metrics.tune_thresholds(world.truth(validation), tuned)
        found[name] = classified(world.truth(test), sum(said[part] for part in parts), thresholds)
    return found


def rows_of_tuned(world: World, systems: Mapping[str, System], seed: int) -> dict[str, dict[str, Any]]:
    """Rows of TASLP Table III: the systems trained on with their base networks."""
    found = {}
    test = world.manifest.of("test")
    for name in TUNED:
        system, features = world.fine_tune(name, systems[name], seed)
        said = np.stack([one.classes for one in score(system, features, test)])
        found[f"{name}, fine-tuned"] = classified(world.truth(test), said, system.thresholds)
    return found


def detected(world: World, system: System, scores: Sequence[Scores], truths: Sequence[Truth]) -> dict[str, float]:
    """Segment-based F1 and error rate of the classes that are said, at τ = 0 (TASLP, section V.B)."""
    events, true = [], []
    for clip, one, truth in zip(world.manifest.of("test"), scores, truths, strict=True):
        times = world.features[clip.key].tsp_times
        events.append(
            [
                (begin, end, c)
                for c, kind in enumerate(system.classes)
                if kind in system.said(one)
                for begin, end in segments(one.tsp[:, c], times, 0.0)
            ]
        )
        true.append(
            [(begin, end, system.classes.index(kind)) for kind, spans in truth.events.items() for begin, end in spans]
        )
    found = metrics.segment_score(
        true, events, [world.features[clip.key].duration for clip in world.manifest.of("test")]
    )
    return {"segment_f1": found.f1, "error_rate": found.error_rate}


def located(world: World, scores: Sequence[Scores], truths: Sequence[Truth], *, by_part: bool) -> dict[str, float]:
    """CorLoc and mean IoU of the best box of each class that sounds and is seen, over all pictures of its clip.

    By part, the best box is that of the best score, as in the papers; else scores are gathered from the boxes within.
    """
    boxes, true, best = [], [], []
    for clip, one, truth in zip(world.manifest.of("test"), scores, truths, strict=True):
        proposals: Proposals = world.store.read(clip.key)
        for thing in truth.things:
            if not thing.sounding or not np.isfinite(thing.boxes).any():
                continue
            values = one.visual[:, world.classes.index(str(thing.kind))]
            row = int(np.argmax(values if by_part else gathered(values, proposals.boxes, proposals.box_frames)))
            time = proposals.frame_times[proposals.box_frames[row]]
            now = thing.boxes[int(np.argmin(np.abs(truth.times - time)))][None]
            boxes.append(proposals.boxes[row].astype(float))
            true.append(now[np.isfinite(now).all(axis=1)])
            best.append(float(metrics.iou(boxes[-1][None], true[-1]).max(initial=0.0)))
    return {"corloc": metrics.correct_localization(boxes, true), "iou": float(np.mean(best))}


def in_noise(world: World, systems: Mapping[str, System], decibels: float) -> dict[str, dict[str, Any]]:
    """Rows of WASPAA Table 2: every second test clip, with a recording of background noise of the test split."""
    clips = world.manifest.of("test")[::2]
    noises = world.takes.noises["test"]
    sounds = []
    for k, clip in enumerate(clips):
        sound = np.sum(list(read_truth(clip.path).stems.values()), axis=0, dtype=float)
        sounds.append(np.asarray(sound + at_level(noises[k % len(noises)].samples, sound, decibels), np.float32))
    features: dict[str, Features] = {}
    for first in range(0, len(clips), 24):
        heard = heard_once(sounds[first : first + 24], world.folder / "heard")
        for clip, one in zip(clips[first : first + 24], heard, strict=True):
            tsp, ncp = world.sound_features(one)
            features[clip.key] = replace(world.features[clip.key], tsp=tsp, ncp=ncp)
    truth = world.truth(clips)
    return {
        name: classified(
            truth, np.stack([one.classes for one in score(systems[name], features, clips)]), systems[name].thresholds
        )
        for name in NOISY
    }
