"""What a job of separation by motion is given, and what it comes to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from avfront.job import MAP, MIXTURE, OVERLAY, PAGE, PICTURE, REPORT, take_paths
from avfront.media import MediaInfo
from avfront.methods.motion import ByMotion
from avfront.motion import regions
from avfront.motion.evidence import Captured, Seen
from avfront.motion.matching import Heard
from avfront.motion.motions import Motions
from avfront.motion.regions import Box
from avfront.motion_job.sound import Sound

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class MotionJob:
    """What is to be separated by which motion, and where the results go.

    Attributes
    ----------
    mixture : Path
        A video; with `tables` a sound file will do.
    output : Path
        Folder for the results.
    boxes : sequence of Box
        Of the objects, in pixels of the first frame; none: they are looked for.
    objects : int, optional
        How many to look for; None takes every region that moves enough, up to 16.
    tables : mapping of name to Path
        Motion capture of each source, in place of a video's pictures.
    table_rate : float, optional
        Rows per second of tables that do not tell.
    method : ByMotion
        How to separate.
    delay : float, optional
        Seconds by which the picture is late; None estimates it.
    references : mapping of name to Path
        True sounds, to score against.
    seed, device, force
        As for :class:`avfront.separation.Job`.
    picture : bool
        Draw the pictures.
    video : bool
        Write the overlay video.
    memory_gb : float, optional
        Memory that the job may use; None is half of the machine's.
    """

    mixture: Path
    output: Path
    boxes: Sequence[Box] = ()
    objects: int | None = None
    tables: Mapping[str, Path] = field(default_factory=dict)
    table_rate: float | None = None
    method: ByMotion = field(default_factory=ByMotion)
    delay: float | None = None
    references: Mapping[str, Path] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"
    force: bool = False
    picture: bool = True
    video: bool = True
    memory_gb: float | None = None

    def __post_init__(self) -> None:
        take_paths(self, "mixture", "output", "tables", "references")

    def outputs(self) -> list[str]:
        """Names of all files that the job may write."""
        # How many objects there are is not known before they are found: names enough are kept free.
        count = len(self.boxes) or self.objects or regions.MOST
        names = list(self.tables) or [f"object{k + 1}" for k in range(count)]
        return [*(f"{name}.wav" for name in names), MIXTURE, PICTURE, MAP, OVERLAY, REPORT, PAGE]


@dataclass(frozen=True)
class Done:
    """What comes out of the stages, for the pictures and the report.

    Attributes
    ----------
    job : MotionJob
        That was done.
    info : MediaInfo, optional
        Of the video; None where the motion and the sound came without one.
    evidence : Captured or Seen
        What moves.
    sound : Sound
        The mixture.
    delay : float
        Seconds by which the picture is late.
    motions : Motions
        On the frames of the sound.
    heard : Heard
        What each component belongs to.
    sounds : mapping of name to array (I, T)
        Of the objects.
    """

    job: MotionJob
    info: MediaInfo | None
    evidence: Captured | Seen
    sound: Sound
    delay: float
    motions: Motions
    heard: Heard
    sounds: Mapping[str, Array]
