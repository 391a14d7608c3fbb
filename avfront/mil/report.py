"""What a training tells of itself: settings, clips, scores; plain values."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from avfront import metrics
from avfront.manifest import Split
from avfront.mil.clips import Clips
from avfront.mil.system import System
from avfront.mil.training import Validation

if TYPE_CHECKING:
    from avfront.mil.job import TrainingJob


def describe(job: "TrainingJob", clips: Clips, system: System, found: dict[Split, Validation]) -> dict[str, Any]:
    """The report of a job, with what its system says of the clips of each split."""
    settings = {name: asdict(getattr(job, name)) for name in ("variant", "schedule", "base_schedule", "share")}
    scores = {split: scored(clips.truth(split), one.scores, system) for split, one in found.items()}
    return {
        "manifest": str(job.manifest),
        "classes": list(system.classes),
        "settings": settings | {"networks": job.networks, "finetune": job.finetune},
        "clips": {split: len(used) for split, used in clips.usable.items()},
        "skipped": [{"path": str(clip.path), "reason": reason} for clip, reason in clips.skipped.items()],
        "scores": scores,
    }


def scored(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.float32], system: System) -> dict[str, Any]:
    """How good the scores (L, C) of clips are, as plain values.

    Returns
    -------
    dict
        ``f1``, ``precision``, ``recall`` (micro averages at the system's thresholds), ``map``, ``accuracy``, and
        ``f1_of_class``.
    """
    said = scores > system.thresholds
    per_class = metrics.f_score(truth, said, per_class=True).f1
    return {
        **{name: float(value) for name, value in vars(metrics.f_score(truth, said)).items()},
        "map": metrics.mean_average_precision(truth, scores),
        "accuracy": metrics.accuracy(truth, scores),
        "f1_of_class": {kind: float(value) for kind, value in zip(system.classes, per_class, strict=True)},
    }
