"""What is known of the motion of the objects: seen in a video, or captured in tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.errors import AvfrontError
from avfront.motion import mocap, timing
from avfront.motion.clusters import Clusters
from avfront.motion.motions import Motions, presence
from avfront.motion.regions import Box
from avfront.motion.tracks import Tracks

Array = npt.NDArray[Any]

_COUPLED = 4  # of them that components are coupled to, as many as a bow has strings


@dataclass(frozen=True)
class Captured:
    """Motion capture tables, one for each object, by name."""

    tables: Mapping[str, mocap.Table]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the objects."""
        return tuple(self.tables)

    def motions(self, at: Array, width: float) -> Motions:
        """Motion around the times `at` (s), under a window of `width` seconds."""
        rows = [mocap.activations(table, at, width) for table in self.tables.values()]
        rows = [own[own.any(axis=1)] for own in rows]
        for name, own in zip(self.names, rows, strict=True):
            if len(own) == 0:
                raise AvfrontError(f"nothing moves in the table of {name}", remedy="leave it out, or check its columns")
        moving = presence(np.stack([mocap.speed(table, at, width) for table in self.tables.values()]))
        # The rows of a source keep their proportions in every frame; together they are there as much as it moves.
        whole = [np.maximum(own.sum(axis=0), 1e-12) for own in rows]
        rows = [own / total * level for own, total, level in zip(rows, whole, moving, strict=True)]
        order = np.arange(len(rows))
        return Motions(moving, order, np.concatenate(rows), np.repeat(order, [len(own) for own in rows]))


@dataclass(frozen=True)
class Seen:
    """What moves in a video: clusters of points, and the objects that they belong to.

    Attributes
    ----------
    clusters : Clusters
        Grouped by object.
    boxes : sequence of Box
        Of the objects, in pixels of the pictures that were followed.
    kept : integers (C,)
        Clusters that take part in the separation.
    shares : array (C,)
        How much of the motion in its object each of them is, beside the one that moves most: 0…1.
    scale : float
        Pixels of the followed pictures per pixel of the video.
    stands_out : bool
        Whether anything moves that the motion of the camera through a still scene would not explain.
    """

    clusters: Clusters
    boxes: Sequence[Box]
    kept: npt.NDArray[np.int64]
    shares: npt.NDArray[np.float64]
    scale: float
    stands_out: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Of the objects."""
        return tuple(f"object{k + 1}" for k in range(len(self.boxes)))

    @property
    def tracks(self) -> Tracks:
        """Of all clusters."""
        return self.clusters.tracks

    def motions(self, at: Array, width: float) -> Motions:
        """Motion around the times `at` (s), under a window of `width` s; each object's main cluster at one level.

        A fragment of a few points may be as fast as the body that it has come off. Each cluster is therefore weighted
        by its speed and by the square root of its share in the object's motion.
        """
        speeds = timing.onto_frames(self.tracks.times, self.clusters.speeds()[:, self.kept], at, width).T
        sources = self.clusters.groups[self.kept]
        size = np.sqrt(np.square(speeds).mean(axis=1) * self.shares)
        largest = np.array([size[sources == j].max() for j in range(len(self.boxes))])
        moving = presence(speeds) * (size / np.maximum(largest, 1e-12)[sources])[:, None]
        coupled = Motions(moving, sources, moving, sources).strongest(_COUPLED)
        return Motions(moving, sources, moving[coupled], sources[coupled])
