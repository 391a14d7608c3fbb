"""The pictures of a motion job: spectrograms, and what moves and sounds drawn into the video."""

import numpy as np

from avfront import media, overlay
from avfront.job import MAP, OVERLAY, PICTURE
from avfront.motion.evidence import Captured
from avfront.motion_job.job import Done
from avfront.outputs import Outputs

_SHOWN = 1280  # pixels of the longer side of the overlay


def draw(done: Done, outputs: Outputs) -> None:
    """Those that the job asks for; the sounds are among the outputs already."""
    job, sound, evidence = done.job, done.sound, done.evidence
    if job.picture:
        from avfront.pictures import spectrograms

        panels = {name: outputs.path(f"{name}.wav") for name in ("mixture", *done.sounds)}
        spectrograms(panels, outputs.path(PICTURE))
    if done.info is None or isinstance(evidence, Captured):
        return
    sounding = evidence.kept[np.asarray(done.heard.sounding)]
    if not evidence.stands_out:
        sounding = np.full_like(sounding, -1)
    finding = overlay.Finding(evidence.clusters, evidence.boxes, evidence.names, sounding)
    if job.picture:
        first = next(media.frames(done.info)).image
        overlay.write_picture(outputs.path(MAP), overlay.localisation(finding, first))
    if job.video:
        streams = {"mixture": sound.samples, **done.sounds}
        frames = media.frames(done.info, largest=_SHOWN)
        overlay.video(outputs.path(OVERLAY), finding, frames, streams, sound.rate, sound.start)
