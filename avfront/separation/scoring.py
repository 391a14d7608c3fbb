"""Scores of separated sounds against the true ones."""

from typing import Any

import numpy as np

from avfront import audio
from avfront.audio import Samples
from avfront.outputs import Outputs
from avfront.separation.job import Plan


def score(plan: Plan, outputs: Outputs, frames: int, notes: list[str]) -> dict[str, Any]:
    """Scores of the written outputs, of so many frames, against the references of the plan."""
    from avfront import scores

    true: dict[str, Samples] = {}
    for name, info in plan.references.items():
        image = audio.resample(audio.read(info), info.rate, plan.info.rate)
        if image.shape[1] != frames:
            notes.append(
                f"{info.path}: the reference has {image.shape[1]} samples at {plan.info.rate} Hz and the"
                f" mixture {frames}; it was cut or padded with zeros at its end."
            )
        true[name] = np.pad(image[:, :frames], ((0, 0), (0, max(0, frames - image.shape[1]))))
    found = {name: audio.read(audio.probe(outputs.path(f"{name}.wav"))) for name in plan.names}
    return scores.score(true, found, audio.read(plan.info)[:, :frames])
