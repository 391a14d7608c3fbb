"""Proposals of a clip as what base networks take, for training these together with the heads.

A part of a clip's proposals is drawn for each step: the weak label holds for the bag, and bags of a part of it are
enough to learn from, several times as fast, and differ from step to step.
"""

from dataclasses import dataclass

import numpy as np
import torch

from avfront.mil.dataset import Instance, seconds
from avfront.mil.network import MODALITIES, Variant
from avfront.proposals import Proposals


@dataclass(frozen=True)
class Share:
    """How many proposals of a clip are drawn for a step, at most.

    Attributes
    ----------
    pictures : int
        With all of their boxes.
    segments, components : int
        TSP and NCP, ≥ 1 each.
    """

    pictures: int = 4
    segments: int = 20
    components: int = 20


class Raw:
    """Of the proposals of a clip what a variant takes, small enough to be kept in memory for all clips.

    Parameters
    ----------
    proposals : Proposals
    variant : Variant
    """

    def __init__(self, proposals: Proposals, variant: Variant) -> None:
        self._sounds: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._variant = variant
        if "audio" in MODALITIES[variant.modalities]:
            for name in ("tsp", "ncp"):
                if variant.audio in (name, "both"):
                    patches, times = getattr(proposals, name), getattr(proposals, f"{name}_times")
                    self._sounds.append((torch.from_numpy(patches).half(), seconds(times[:, 0])))
        if "visual" in MODALITIES[variant.modalities]:
            self._frames = torch.from_numpy(proposals.frames).permute(0, 3, 1, 2)
            self._boxes = torch.from_numpy(proposals.boxes * np.float32(proposals.scale))
            self._box_frames = torch.from_numpy(proposals.box_frames)
            self._seconds = seconds(proposals.frame_times)

    def instances(self, share: Share, rng: np.random.Generator | None) -> dict[str, Instance]:
        """What is drawn with this generator; everything without one."""
        found = {}
        if "audio" in MODALITIES[self._variant.modalities]:
            limits = (share.segments, share.components) if len(self._sounds) == 2 else (share.segments,) * 2
            drawn = [
                _drawn(len(windows), limit, rng) for (_, windows), limit in zip(self._sounds, limits, strict=False)
            ]
            found["audio"] = Instance(
                (torch.cat([patches[which] for (patches, _), which in zip(self._sounds, drawn, strict=True)]).float(),),
                torch.cat([windows[which] for (_, windows), which in zip(self._sounds, drawn, strict=True)]),
            )
        if "visual" in MODALITIES[self._variant.modalities]:
            which = _drawn(len(self._frames), share.pictures, rng)
            place = torch.full((len(self._frames),), -1)
            place[which] = torch.arange(len(which))
            here = place[self._box_frames] >= 0
            at = place[self._box_frames[here]]
            found["visual"] = Instance(
                (self._frames[which].float() / 255, self._boxes[here], at), self._seconds[self._box_frames[here]]
            )
        return found


def _drawn(count: int, limit: int, rng: np.random.Generator | None) -> torch.Tensor:
    if rng is None or count <= limit:
        return torch.arange(count)
    return torch.from_numpy(np.sort(rng.choice(count, limit, replace=False)))
