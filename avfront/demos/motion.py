"""The demo of separation by motion: a film of two string players, made and then separated by what is seen to move.

The notes are composed, the strings synthetic, and the bows in the picture play those notes (:mod:`avfront.synth`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avfront import audio
from avfront.job import Outcome, Progress
from avfront.motion.regions import Box
from avfront.outputs import Outputs

PARTS = ("violin", "cello")
SECONDS, RATE, SIZE = 10.0, 22050, (640, 360)
FILM = "duo.mp4"


def run_demo(output: Path, *, seed: int, force: bool, progress: Progress) -> Outcome:
    """Make ``duo.mp4`` and the true sounds of its players in `output`, and separate it there.

    Parameters
    ----------
    output : Path
        Gets duo.mp4, references/object1.wav and object2.wav, and all that the separation of a video writes.
    seed : int
        Of the notes, the looks, and the separation.
    force : bool
        Replace files that are there already.
    progress : callable
        As for :func:`avfront.separation.separate`.

    Raises
    ------
    AvfrontError
        If a package is missing, or the folder cannot be used.
    """
    from avfront.motion_job import MotionJob, separate

    names = [f"references/object{player}.wav" for player in range(1, len(PARTS) + 1)]
    with Outputs(output, [FILM, *names], force=force) as made:
        progress("film", 0.0)
        boxes = film(made.path(FILM), [made.path(name) for name in names], seed=seed, progress=progress)
        made.commit()
        try:
            references = {Path(name).stem: output / name for name in names}
            job = MotionJob(output / FILM, output, boxes, references=references, seed=seed, force=force)
            return separate(job, progress)
        except BaseException:
            made.withdraw()
            raise


def again(output: Path, report: Mapping[str, Any]) -> list[str]:
    """The call of `avfront separate` that makes the same of the film, but for the scores."""
    boxes = [",".join(f"{side:g}" for side in source["box"]) for source in report["sources"]]
    words = ["avfront", "separate", str(output / FILM), "--motion", "--boxes", *boxes]
    return [*words, "--seed", str(report["settings"]["seed"]), "-o", "FOLDER"]


def film(path: Path, references: Sequence[Path], *, seed: int, progress: Progress) -> list[Box]:
    """Write the film and each player's own sound; returns the boxes of the players, from left to right."""
    from avfront import media
    from avfront.synth import bowing, score, stage, strings

    notes = score.compose(PARTS, SECONDS, seed)
    sounds = np.stack([strings.play(notes[part], part, SECONDS, RATE, seed + k) for k, part in enumerate(PARTS)])
    sounds /= np.sqrt(np.square(sounds).mean(axis=1, keepdims=True))  # equally loud
    sounds *= 0.5 / np.abs(sounds.sum(axis=0)).max()
    bows = [bowing.bow(notes[part], part, SECONDS, seed + k) for k, part in enumerate(PARTS)]
    scene = stage.Stage(bows, size=SIZE, seed=seed)
    with media.Writer(path, SIZE, {"mixture": sounds.sum(axis=0)[None]}, RATE) as writer:
        for number, frame in enumerate(scene.frames(), start=1):
            writer.write(frame)
            progress("film", number / len(scene))
    for place, sound in zip(references, sounds, strict=True):
        audio.write(place, sound[None], RATE)
    return scene.boxes
