"""The enhancement job: a video in; the sound of a class in it, and what remains, out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avfront import audio, report
from avfront.enhancement.components import Rule, enhance
from avfront.job import PICTURE, REPORT, Outcome, Progress, Stages, take_paths
from avfront.mil.examined import Examined, examine, file_name
from avfront.outputs import Outputs
from avfront.proposals.log_mel import RATE

MIXTURE, REST = "mixture", "rest"


@dataclass(frozen=True)
class EnhancementJob:
    """What is to be enhanced, and where the results go.

    Attributes
    ----------
    video, system, output : Path
        The video, the folder of a trained system, and the folder for the results.
    label : str, optional
        The class; None is the one that the system finds most surely.
    rule : "adaptive", "soft" or float
        As in :func:`avfront.enhancement.enhance`.
    device : str
        Where the factorization runs, as in :func:`nmfcore.nmf`.
    force : bool
        Whether files that are there may be replaced.
    """

    video: Path
    system: Path
    output: Path
    label: str | None = None
    rule: Rule = "adaptive"
    device: str = "auto"
    force: bool = False

    def __post_init__(self) -> None:
        take_paths(self, "video", "system", "output")


def run(job: EnhancementJob, progress: Progress = lambda stage, share: None) -> Outcome:
    """Write ``CLASS.wav``, ``rest.wav`` and ``mixture.wav`` (mono, 16 kHz), their spectrograms and a report.

    Raises
    ------
    AvfrontError
        For anything that the user can put right; the message says how.
    """
    from avfront.pictures import spectrograms

    stages = Stages(progress)
    with stages("examine"):
        found = examine(job.video, job.system, [job.label] if job.label else (), device=job.device)
    label = found.labels[0]
    name = file_name(label)
    name = f"{name}_class" if name in (MIXTURE, REST) else name
    names = [f"{stem}.wav" for stem in (MIXTURE, name, REST)]
    with Outputs(job.output, [*names, PICTURE, REPORT], force=job.force, inputs=[job.video]) as outputs:
        with stages("separate"):
            sound = found.sound()
            done = enhance(label, sound, found.of(label, found.scores.ncp), found.proposals, rule=job.rule)
        with stages("write"):
            sounds = dict(zip(names, (sound, done.source, done.rest), strict=True))
            for file, samples in sounds.items():
                audio.write(outputs.path(file), samples[None], RATE)
            spectrograms({Path(file).stem: outputs.path(file) for file in names}, outputs.path(PICTURE))
            content = _report(job, found, label, sounds)
            content["components"] = [
                {
                    "relevance": round(float(done.relevance[k]), 4),
                    "threshold": None if done.thresholds is None else round(float(done.thresholds[k]), 4),
                    "gain": round(float(done.gains[k]), 4),
                }
                for k in range(len(done.gains))
            ]
            content["timings"] = timings = stages.timings()
            report.write(outputs.path(REPORT), content)
        final = outputs.commit()
    files = {Path(file).stem: path for file, path in final.items() if file in names}
    return Outcome(files | {"picture": final[PICTURE], "report": final[REPORT]}, content, timings, [], [])


def _report(job: EnhancementJob, found: Examined, label: str, sounds: dict[str, Any]) -> dict[str, Any]:
    power = {file: float(np.square(samples, dtype=float).sum()) for file, samples in sounds.items()}
    whole = next(iter(power.values()))
    return {
        "schema": report.SCHEMA,
        **found.facts(),
        "system": str(job.system),
        "label": label,
        "label_from": "given" if job.label else "found",
        "mask": job.rule,
        "sources": [
            {"name": Path(file).stem, "file": file, "level_db": report.decibels(power[file], whole)}
            for file in list(sounds)[1:]
        ],
    }
