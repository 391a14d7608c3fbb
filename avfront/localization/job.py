"""The localization job: a video in; where its classes are seen and when they are heard, drawn and as numbers, out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avfront import media, report
from avfront.errors import AvfrontError
from avfront.job import REPORT, Outcome, Progress, Stages, take_paths
from avfront.localization import drawing
from avfront.localization.places import Localized, localize
from avfront.media import Frame
from avfront.mil.examined import examine
from avfront.outputs import Outputs

OVERLAY, MAP = "overlay.mp4", "localization.png"
_SHOWN = 960  # pixels of the longer side of the video, at most


@dataclass(frozen=True)
class LocalizationJob:
    """What is to be localized, and where the results go.

    Attributes
    ----------
    video, system, output : Path
        The video, the folder of a trained system, and the folder for the results.
    labels : sequence of str
        Classes; none: those that the system finds.
    threshold : float
        τ, above which a window of the sound counts as heard.
    device : str
        Where the factorization runs, as in :func:`nmfcore.nmf`.
    force : bool
        Whether files that are there may be replaced.
    """

    video: Path
    system: Path
    output: Path
    labels: Sequence[str] = ()
    threshold: float = 0.0
    device: str = "auto"
    force: bool = False

    def __post_init__(self) -> None:
        take_paths(self, "video", "system", "output")


def run(job: LocalizationJob, progress: Progress = lambda stage, share: None) -> Outcome:
    """Write the video with boxes, pictures above the heat of the sound, and a report with both as numbers.

    Raises
    ------
    AvfrontError
        For anything that the user can put right; the message says how.
    """
    if not np.isfinite(job.threshold):
        raise AvfrontError(f"--threshold {job.threshold} is not finite", remedy="give a number", usage=True)
    stages = Stages(progress)
    with Outputs(job.output, [OVERLAY, MAP, REPORT], force=job.force, inputs=[job.video]) as outputs:
        with stages("examine"):
            found = examine(job.video, job.system, job.labels, device=job.device)
        with stages("write"):
            visual, tsp = (part if len(part) else None for part in (found.scores.visual, found.scores.tsp))
            places = [
                localize(
                    label,
                    found.proposals,
                    None if visual is None else found.of(label, visual),
                    None if tsp is None else found.of(label, tsp),
                    threshold=job.threshold,
                )
                for label in found.labels
            ]
            video, _ = media.needs(found.info)
            frames = (
                Frame(frame.time - video.start, frame.image) for frame in media.frames(found.info, largest=_SHOWN)
            )
            info_sound, start = media.read_sound(found.info), found.info.offset
            assert found.info.sound is not None
            rate = found.info.sound.rate
            drawing.video(outputs.path(OVERLAY), places, frames, info_sound, rate, found.proposals.size, start=start)
            drawing.picture(outputs.path(MAP), places, found.proposals)
            timings = stages.timings()
            content = {
                "schema": report.SCHEMA,
                **found.facts(),
                "system": str(job.system),
                "threshold": job.threshold,
                "localized": [_described(one) for one in places],
                "timings": timings,
            }
            report.write(outputs.path(REPORT), content)
        final = outputs.commit()
    files = {"video": final[OVERLAY], "picture": final[MAP], "report": final[REPORT]}
    return Outcome(files, content, timings, [], [])


def _described(one: Localized) -> dict[str, Any]:
    return {
        "label": one.label,
        "heard": [[round(begin, 3), round(end, 3)] for begin, end in one.segments],
        "heat": [
            {"begin": round(float(begin), 3), "end": round(float(end), 3), "score": round(float(score), 4)}
            for (begin, end), score in zip(one.heat_times, one.heat, strict=True)
        ],
        "boxes": [
            {
                "time": round(float(one.box_times[row]), 3),
                "box": np.round(one.boxes[row], 1).tolist(),
                "opacity": round(float(one.opacity[row]), 4),
            }
            for row in one.best()
        ],
    }
