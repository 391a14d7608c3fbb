"""One video as a trained system finds it: what `localize` and `enhance` begin with."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront import media
from avfront.errors import AvfrontError
from avfront.mil import parallel
from avfront.mil.system import Scores, System
from avfront.proposals import Proposals, propose_one
from avfront.proposals.reading import read_sound

_ROUNDING = 1e-3  # s: at 16 kHz a sound may come out shorter than it is in the file


@dataclass(frozen=True)
class Examined:
    """A video, its proposals and their scores.

    Attributes
    ----------
    info : MediaInfo
        Of the file.
    proposals : Proposals
    scores : Scores
        Of the clip and of its proposals.
    classes : tuple of str
        All that the system knows.
    said : tuple of str
        Those that it finds in the clip, the surest first.
    labels : tuple of str
        Those that were asked for; where none were, what is said, or else the class with the best score.
    """

    info: media.MediaInfo
    proposals: Proposals
    scores: Scores
    classes: tuple[str, ...]
    said: tuple[str, ...]
    labels: tuple[str, ...]

    def of(self, label: str, scores: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
        """The column of a class in scores (…, C)."""
        return np.asarray(scores[..., self.classes.index(label)])

    def sound(self) -> npt.NDArray[np.float32]:
        """The sound as the system hears it: (T,), mono at 16 kHz."""
        return read_sound(self.info, None, None, self.proposals.duration + _ROUNDING)

    def facts(self) -> dict[str, Any]:
        """For a report: the file, the scores of its classes, and what is said."""
        return {
            "file": str(self.info.path),
            "seconds": round(self.proposals.duration, 3),
            "said": list(self.said),
            "scores": dict(zip(self.classes, np.round(self.scores.classes, 4).tolist(), strict=True)),
        }


def examine(path: Path, system: Path, labels: Sequence[str] = (), *, device: str = "auto") -> Examined:
    """Make the proposals of a video and have a trained system score them.

    Raises
    ------
    AvfrontError
        If the video or the system cannot be used, or a label is none of the system's classes.
    """
    judge = System.load(system, parallel.device(device))
    unknown = [label for label in labels if label not in judge.classes]
    if unknown:
        raise AvfrontError(
            f"the system does not know the class '{unknown[0]}'",
            remedy=f"choose among {', '.join(judge.classes)}",
            usage=True,
        )
    proposals = propose_one(path, judge.settings, device=device)
    scores = judge.predict(proposals)
    said = judge.said(scores)
    best = judge.classes[int(np.argmax(scores.classes - judge.thresholds))]
    wanted = tuple(dict.fromkeys(labels)) or said or (best,)
    return Examined(media.probe(path), proposals, scores, judge.classes, said, wanted)


def file_name(label: str) -> str:
    """A class as the stem of a file name.

    >>> file_name("Truck horn, air horn")
    'Truck_horn_air_horn'
    """
    return re.sub(r"\W+", "_", label).strip("_") or "class"
