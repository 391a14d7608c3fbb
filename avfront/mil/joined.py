"""Bags that might have been: parts of clips, and parts of two clips as one.

A bag has a class if one of its proposals shows it. A part of a clip therefore mostly has the classes of the clip, and
two clips in one bag have those of both: bags without end from a few, which teach the heads what does not matter.
"""

import numpy as np
import torch

from avfront.mil.dataset import Examples, Instance

PART = 0.6  # of the proposals of a bag


class Joined(Examples):
    """Clips of which another part is drawn each time; in every second draw half of it is of another clip.

    The other clip is one of a class that is drawn first, so that rare classes are joined as often as frequent ones.
    Clips as they are where nothing is to be drawn.
    """

    def __getitem__(self, drawn: int | tuple[int, int]) -> tuple[dict[str, Instance], torch.Tensor]:
        if isinstance(drawn, int):
            return super().__getitem__(drawn)
        index, rng = drawn[0], np.random.default_rng(drawn[1])
        clips = [index, self._partner(rng)] if rng.random() < 0.5 else [index]
        found = [self.take(clip, None) for clip in clips]
        parts = {name: [_part(one[name], PART / len(clips), rng) for one in found] for name in found[0]}
        truth = self.truth[clips].any(axis=0)
        return {name: _together(each) for name, each in parts.items()}, torch.from_numpy(truth)

    def _partner(self, rng: np.random.Generator) -> int:
        kind = rng.choice(np.flatnonzero(self.truth.any(axis=0)))
        return int(rng.choice(np.flatnonzero(self.truth[:, kind])))


def _part(whole: Instance, share: float, rng: np.random.Generator) -> Instance:
    """So many of the proposals, but one at least where there is one."""
    count = len(whole.windows)
    drawn = torch.from_numpy(rng.permutation(count)[: int(np.ceil(share * count))])
    return Instance((whole.inputs[0][drawn],), whole.windows[drawn])


def _together(parts: list[Instance]) -> Instance:
    return Instance((torch.cat([part.inputs[0] for part in parts]),), torch.cat([part.windows for part in parts]))
