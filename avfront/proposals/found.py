"""What proposals of one clip are, and the settings that they were made with."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.errors import AvfrontError

Array = npt.NDArray[np.float32]
Times = npt.NDArray[np.float64]  # s, from the beginning of the clip
Indices = npt.NDArray[np.int64]
Pictures = npt.NDArray[np.uint8]

PATCH = (96, 64)  # frames of 10 ms, mel bands: what VGGish sees


@dataclass(frozen=True)
class Settings:
    """How proposals are made; the defaults are the papers' (T §5.3, A §IV-B, W §3).

    Parameters
    ----------
    frame_rate : float
        Pictures that are looked at per second.
    boxes : int
        The best so many boxes of each picture.
    box_step, box_overlap, box_large : float
        α, β and κ of EdgeBoxes: the overlap (IoU) of neighbouring windows that are tried, the overlap from which on
        two boxes are one, and how much large boxes lose, ≥ 1. They are 0.65, 0.75 and 1.5 in the paper, where a
        thousand boxes are kept. Of ten, too many were the same: they held 75 % of the objects in drawn scenes (at IoU
        0.5); the defaults hold 96 %, in half the time.
    box_smallest : float
        Share of the picture that a box covers at least; EdgeBoxes' 1000 pixels in pictures of the size it was made for.
    side : int
        Pixels of the longer side of a picture, at most; larger ones are scaled down.
    stride : float
        From one temporal segment proposal (TSP) to the next, s.
    components : int
        K of the factorization behind the NMF component proposals (NCP).
    iterations : int
        Of that factorization.
    seed : int
        Of its start.
    longest : float
        Clips beyond this length (s) are refused, as all of a clip is held in memory.
    edges : str
        How edges are found: ``"gradient"``, or the file of a structured forest (OpenCV's ``model.yml.gz``; Dollár and
        Zitnick, ICCV 2013).

    >>> Settings(boxes=0)
    Traceback (most recent call last):
    avfront.errors.AvfrontError: boxes=0 is not positive; give a positive number.
    """

    frame_rate: float = 1.0
    boxes: int = 10
    box_step: float = 0.55
    box_overlap: float = 0.5
    box_large: float = 1.2
    box_smallest: float = 1000 / (500 * 375)
    side: int = 320
    stride: float = 0.48
    components: int = 20
    iterations: int = 200
    seed: int = 0
    longest: float = 600.0
    edges: str = "gradient"

    def __post_init__(self) -> None:
        for name in ("frame_rate", "boxes", "side", "stride", "components", "iterations", "longest"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise AvfrontError(f"{name}={value} is not positive", remedy="give a positive number", usage=True)
        for name in ("box_step", "box_overlap", "box_smallest"):
            if not 0 < getattr(self, name) < 1:
                raise AvfrontError(
                    f"{name}={getattr(self, name)} is out of range", remedy="give a share between 0 and 1", usage=True
                )
        if not 1 <= self.box_large < float("inf"):
            raise AvfrontError(f"box_large={self.box_large} is out of range", remedy="give 1 or more", usage=True)

    def differences(self, other: "Settings") -> list[str]:
        """Where two settings differ, one clause each.

        >>> Settings(boxes=5).differences(Settings())
        ['boxes is 5, not 10']
        """
        mine, theirs = asdict(self), asdict(other)
        return [f"{name} is {mine[name]}, not {theirs[name]}" for name in mine if mine[name] != theirs[name]]


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What was found in a sound: candidates without class or score.

    Attributes
    ----------
    tsp : float32 (P, 96, 64)
        Temporal segment proposals: log-mel patches of the sound.
    tsp_times : (P, 2)
        Begin and end, s.
    ncp : float32 (Q, 96, 64)
        NMF component proposals: log-mel patches of each component's sound, component by component.
    ncp_times : (Q, 2)
        Begin and end, s.
    ncp_components : (Q,)
        Index of the component, 0…K − 1.
    patterns, activations : float32 (513, K), (K, N)
        The factorization of the magnitude spectrogram (:func:`avfront.proposals.spectrogram`) behind the components.
    """

    tsp: Array
    tsp_times: Times
    ncp: Array
    ncp_times: Times
    ncp_components: Indices
    patterns: Array
    activations: Array


@dataclass(frozen=True, kw_only=True)
class Proposals(Heard):
    """What was found in one clip: candidates for objects beside those for sounds.

    Attributes
    ----------
    duration : float
        Of the clip, s.
    size : (width, height)
        Of the original picture, pixels.
    frames : uint8 (T, h, w, 3)
        The pictures that were looked at, RGB, scaled down to the bounded side.
    frame_times : (T,)
        s.
    boxes : float32 (R, 4)
        x, y, width, height in pixels of the original picture, the best first within each picture.
    box_frames : (R,)
        Index into `frames`.

    Raises
    ------
    AvfrontError
        If the arrays do not belong together.
    """

    duration: float
    size: tuple[int, int]
    frames: Pictures
    frame_times: Times
    boxes: Array
    box_frames: Indices

    def __post_init__(self) -> None:
        T, R, P, Q, K = (len(part) for part in (self.frames, self.boxes, self.tsp, self.ncp, self.activations))
        expected: dict[str, tuple[Any, ...]] = {
            "frames": (T, *self.frames.shape[1:3], 3),
            "frame_times": (T,),
            "boxes": (R, 4),
            "box_frames": (R,),
            "tsp": (P, *PATCH),
            "tsp_times": (P, 2),
            "ncp": (Q, *PATCH),
            "ncp_times": (Q, 2),
            "ncp_components": (Q,),
            "patterns": (len(self.patterns), K),
        }
        wrong = [name for name, shape in expected.items() if getattr(self, name).shape != shape]
        if wrong:
            raise AvfrontError(
                f"the proposals' {wrong[0]} have shape {getattr(self, wrong[0]).shape}, not {expected[wrong[0]]}",
                remedy="make them again",
            )

    @property
    def scale(self) -> float:
        """Pixels of `frames` per pixel of the original picture.

        >>> import numpy as np
        >>> none = {name: np.zeros((0, 2)) for name in ("tsp_times", "ncp_times")}
        >>> none |= {name: np.zeros((0, 96, 64)) for name in ("tsp", "ncp")}
        >>> none |= {name: np.zeros(0, int) for name in ("box_frames", "ncp_components")}
        >>> none |= {"boxes": np.zeros((0, 4)), "patterns": np.zeros((513, 0)), "activations": np.zeros((0, 9))}
        >>> seen = {"frames": np.zeros((1, 120, 160, 3), np.uint8), "frame_times": np.zeros(1)}
        >>> Proposals(duration=2.0, size=(640, 480), **seen, **none).scale
        0.25
        """
        return self.frames.shape[2] / self.size[0]
