"""Proposals of a clip as what base networks take, for training these together with the heads.

A part of a clip's proposals is drawn for each step: the weak label holds for the bag, and bags of a part of it are
enough to learn from, several times as fast, and differ from step to step. What is
drawn is varied, and sounds are mixed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from avfront.mil import variation
from avfront.mil.dataset import Examples, Instance, Truth, seconds
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

    pictures: int = 3
    segments: int = 8
    components: int = 8


_WATCHED = Share(pictures=10, segments=20, components=20)


class Raw:
    """Of the proposals of a clip what a variant takes, as small as can be: 0.5 MB for 1 s, half of it NCP.

    Parameters
    ----------
    proposals : Proposals
    variant : Variant
    """

    def __init__(self, proposals: Proposals, variant: Variant) -> None:
        self._sounds: list[tuple[torch.Tensor, torch.Tensor]] = []
        if "audio" in MODALITIES[variant.modalities]:
            for name in ("tsp", "ncp"):
                if variant.audio in (name, "both"):
                    patches, times = getattr(proposals, name), getattr(proposals, f"{name}_times")
                    self._sounds.append((torch.from_numpy(patches).half(), seconds(times[:, 0])))
        self._seen: tuple[torch.Tensor, ...] = ()  # pictures and their times, boxes and their pictures
        if "visual" in MODALITIES[variant.modalities]:
            self._seen = (
                torch.from_numpy(proposals.frames).permute(0, 3, 1, 2),
                seconds(proposals.frame_times),
                torch.from_numpy(proposals.boxes * np.float32(proposals.scale)),
                torch.from_numpy(proposals.box_frames),
            )

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return sum(part.nbytes for part in (*self._seen, *(part for sound in self._sounds for part in sound)))

    def instances(self, share: Share, rng: np.random.Generator | None) -> dict[str, Instance]:
        """What is drawn with this generator; everything without one."""
        found = {}
        if self._sounds:
            limits = (share.segments, share.components) if len(self._sounds) == 2 else (share.segments,) * 2
            drawn = [
                _drawn(len(windows), limit, rng) for (_, windows), limit in zip(self._sounds, limits, strict=False)
            ]
            found["audio"] = Instance(
                (torch.cat([patches[which] for (patches, _), which in zip(self._sounds, drawn, strict=True)]).float(),),
                torch.cat([windows[which] for (_, windows), which in zip(self._sounds, drawn, strict=True)]),
            )
        if self._seen:
            frames, begins, boxes, box_frames = self._seen
            which = _drawn(len(frames), share.pictures, rng)
            place = torch.full((len(frames),), -1)
            place[which] = torch.arange(len(which))
            here = place[box_frames] >= 0
            found["visual"] = Instance(
                (frames[which].float() / 255, boxes[here], place[box_frames[here]]), begins[box_frames[here]]
            )
        return found


class Varied(Examples):
    """Clips of which something else is drawn each time; two sounds at once in one draw of two.

    Parameters
    ----------
    truth : boolean array (L, C)
    raw : callable
        Gives clip `index`.
    share : Share
    mix : bool
        Whether clips may be mixed; pictures never are, so that clips are of one modality then.
    """

    def __init__(self, truth: Truth, raw: Callable[[int], Raw], share: Share, *, mix: bool) -> None:
        super().__init__(truth, lambda index, rng: raw(index).instances(share, rng))
        self._mix = mix

    def __getitem__(self, drawn: int | tuple[int, int]) -> tuple[dict[str, Instance], torch.Tensor]:
        if isinstance(drawn, int):  # as it is, for validation
            return super().__getitem__(drawn)
        index, rng = drawn[0], np.random.default_rng(drawn[1])
        found, truth = self.take(index, rng), self.truth[index]
        if self._mix and rng.random() < 0.5:
            partner = int(rng.integers(len(self)))
            other, truth = self.take(partner, rng), truth | self.truth[partner]
            patches = variation.mixed(found["audio"].inputs[0], other["audio"].inputs[0], rng)
            found["audio"] = Instance((patches,), found["audio"].windows)
        return {name: _varied(instance, rng) for name, instance in found.items()}, torch.from_numpy(truth)


def watched(truth: Truth, raw: Callable[[int], Raw]) -> Examples:
    """Clips to follow the training by: of each a part, always the same."""
    return Examples(truth, lambda index, rng: raw(index).instances(_WATCHED, np.random.default_rng(index)))


def _varied(instance: Instance, rng: np.random.Generator) -> Instance:
    if len(instance.inputs) == 1:
        return Instance((variation.masked(instance.inputs[0], rng),), instance.windows)
    frames, boxes, which = instance.inputs
    return Instance((*variation.relit(frames, boxes, rng), which), instance.windows)


def _drawn(count: int, limit: int, rng: np.random.Generator | None) -> torch.Tensor:
    if rng is None or count <= limit:
        return torch.arange(count)
    return torch.from_numpy(np.sort(rng.choice(count, limit, replace=False)))
