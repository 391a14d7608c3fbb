"""The clips of a training: those that can be used, as examples for the heads or for the base networks."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from avfront.errors import AvfrontError
from avfront.features import AudioNetwork, FeatureCache, VisualNetwork
from avfront.job import Progress
from avfront.manifest import SPLITS, Manifest, Split
from avfront.mil import parallel
from avfront.mil.dataset import Examples, instances
from avfront.mil.joined import Joined
from avfront.mil.memory import Memory
from avfront.mil.network import MODALITIES, Variant
from avfront.mil.raw import Raw, Varied, watched
from avfront.proposals import Store, propose

if TYPE_CHECKING:
    from avfront.mil.job import TrainingJob

Source = Callable[[Split], Examples]  # of the examples of a split


class Clips:
    """What was found in the clips of a manifest.

    Parameters
    ----------
    job : TrainingJob
        Whose they are.
    manifest : Manifest
        Of all clips.
    folder : Path
        Of the store of what is found.
    progress : callable
        Told of it.

    Raises
    ------
    AvfrontError
        If no clip can be used of the split to learn from, or of the one to validate on.
    """

    def __init__(self, job: "TrainingJob", manifest: Manifest, folder: Path, progress: Progress) -> None:
        self.manifest, self.progress = manifest, progress
        self._memory, self._share = job.memory, job.share
        if parallel.rank() == 0:
            store = Store(folder, job.settings)
            propose(manifest.clips, store, device=job.device, progress=progress)
        parallel.wait()
        self.store = Store(folder)
        reasons = self.store.skipped
        self.skipped = {clip: reasons[clip.key] for clip in manifest.clips if clip.key in reasons}
        self.usable = {split: [clip for clip in manifest.of(split) if clip.key in self.store] for split in SPLITS}
        for split in SPLITS[:2]:
            if not self.usable[split]:
                first = next(iter(self.skipped.values())).rstrip(".")
                raise AvfrontError(
                    f"no clip of the split {split} can be used ({first})", file=job.manifest, remedy="add some to it"
                )
        used = [(clip.key, clip.labels) for split in SPLITS[:2] for clip in self.usable[split]]
        self.stamp = hashlib.sha256(repr(used).encode()).hexdigest()[:16]

    def by_features(self, variant: Variant, audio: AudioNetwork, visual: VisualNetwork) -> Source:
        """Examples for the heads: features."""
        used = MODALITIES[variant.modalities]
        cache = FeatureCache(self.store, audio if "audio" in used else None, visual if "visual" in used else None)
        if parallel.rank() == 0:  # the others find them done
            for _ in cache.every([clip.key for split in SPLITS for clip in self.usable[split]], progress=self.progress):
                pass
        parallel.wait()
        held = Memory(
            lambda key: instances(cache[key], variant),
            lambda found: sum(one.nbytes for one in found.values()),
            self._memory,
        )

        def examples(split: Split) -> Examples:
            clips = self.usable[split]
            kind = Joined if split == "train" else Examples
            return kind(self.truth(split), lambda index, rng: held(clips[index].key))

        return examples

    def by_proposals(self, variant: Variant) -> Source:
        """Examples for the base networks: pictures and spectrograms."""
        raw = Memory(lambda key: Raw(self.store.read(key), variant), lambda one: one.nbytes, self._memory)

        def examples(split: Split) -> Examples:
            clips = self.usable[split]
            if split == "train":
                mix = variant.modalities == "audio"
                return Varied(self.truth(split), lambda index: raw(clips[index].key), self._share, mix=mix)
            return watched(self.truth(split), lambda index: raw(clips[index].key))

        return examples

    def truth(self, split: Split) -> npt.NDArray[np.bool_]:
        """Labels (L, C) of the clips of a split."""
        return np.array(
            [[kind in clip.labels for kind in self.manifest.classes] for clip in self.usable[split]], np.bool_
        )
