"""What is known of the motion of the objects: seen in a video, or captured in tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront import media
from avfront.errors import AvfrontError
from avfront.media import Frame, MediaInfo
from avfront.motion import camera, mocap, regions, timing
from avfront.motion.clusters import Clusters, cluster
from avfront.motion.motions import Motions
from avfront.motion.regions import Box
from avfront.motion.tracks import Tracks, follow

Array = npt.NDArray[Any]

_CLUSTERS = 6  # of an object that take part: those that move most
_COUPLED = 4  # of them that components are coupled to, as many as a bow has strings
_LEAST_MOTION = 0.05  # of what moves most in an object: less motion in all takes no part
_WHOLE = 0.6  # of the picture: a larger object is said to be one
_PARALLAX = 0.5  # of the camera's speed, that the parts of a still scene may seem to have
_REST = 0.05  # share of the frames that count as rest
_HALF = 0.1  # of a cluster's mean speed: there its motion counts half
_SPEED = 10.0  # what each object's main motion is brought to, as root mean square: JLS depends on it


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


def presence(speeds: Array) -> Array:
    """How much each motion is there, (C, N), rather than how fast it is; its mean square over time is 10².

    A bow sounds at any speed, and how loud depends on more than its speed: a slow stroke may be the loudest. So that
    rest and motion differ most, a speed counts half where it is a tenth of its mean. What it never falls below (its
    5 % quantile) is what the flow is unsure about, or a motion that tells nothing.

    >>> presence(np.array([[0.0, 0.0, 10.0, 100.0]])).round(1).tolist()
    [[0.0, 0.0, 12.5, 15.6]]
    """
    above = np.maximum(speeds - np.quantile(speeds, _REST, axis=1, keepdims=True), 0)
    above = np.where(above.any(axis=1, keepdims=True), above, speeds)  # what never changes its speed is always there
    there = above / np.maximum(above + _HALF * above.mean(axis=1, keepdims=True), 1e-12)
    return np.asarray(_SPEED * there / np.maximum(np.sqrt(np.square(there).mean(axis=1, keepdims=True)), 1e-12))


def look(
    frames: Iterable[Frame],
    info: MediaInfo,
    notes: list[str],
    *,
    boxes: Sequence[Box] = (),
    objects: int | None = None,
    seed: int = 0,
) -> Seen:
    """Follow, group and choose what moves in a video.

    Parameters
    ----------
    frames : iterable of Frame
        Grey pictures of the video, perhaps scaled down.
    info : MediaInfo
        Of the video.
    notes : list of str
        What the user should know is added to it.
    boxes : sequence of Box
        Of the objects, in pixels of the video's first frame; none: they are looked for.
    objects : int, optional
        How many to look for; None takes every region that moves enough, up to 16.
    seed : int
        As for :func:`avfront.motion.clusters.cluster`.

    Raises
    ------
    AvfrontError
        If nothing moves, or a box is outside the picture or still.
    """
    video, _ = media.needs(info)
    try:
        tracks = follow(frames)
    except ValueError as error:
        raise AvfrontError(
            f"its motion cannot be followed: {str(error).rstrip('.')}",
            file=info.path,
            remedy="give a longer video with pictures of one size",
        ) from error
    unsteady = float(1 - tracks.steady[1:].mean())
    if unsteady > 0.1:
        notes.append(f"The camera's own motion could not be told in {unsteady:.0%} of the frames.")
    scale = tracks.size[0] / video.width
    for box in boxes:
        if not Box(0, 0, video.width, video.height).contains(box.middle):
            raise AvfrontError(
                f"the middle of the box {box.x:g},{box.y:g},{box.width:g},{box.height:g} is outside the picture,"
                f" which has {video.width}×{video.height} pixels",
                file=info.path,
                remedy="give x,y,width,height from the upper left corner",
            )
    if len(set(boxes)) < len(boxes):
        raise AvfrontError("the same box is given twice", file=info.path, remedy="give one box for each object")
    places = [box.scaled(scale) for box in boxes] or regions.find(tracks, objects)
    still = AvfrontError("nothing moves in the video", file=info.path, remedy="name the objects with --boxes")
    if not places or len(tracks) == 0:
        raise still
    clusters = cluster(tracks, regions.assign(tracks, places), seed=seed)
    moving = np.bincount(clusters.labels[clusters.tracks.owner], clusters.tracks.speed, len(clusters))
    kept: list[int] = []
    shares: list[float] = []
    lively: list[int] = []
    for j in range(len(places)):
        own = np.flatnonzero(clusters.groups == j)
        own = own[np.argsort(-moving[own], kind="stable")][:_CLUSTERS]
        if len(own):
            lively.append(j)
            own = own[moving[own] >= _LEAST_MOTION * moving[own[0]]]
            kept += own.tolist()
            shares += (moving[own] / moving[own[0]]).tolist()
        elif boxes:
            raise AvfrontError(
                f"nothing moves in box {j + 1} of {len(boxes)}", file=info.path, remedy="leave it out, or move it"
            )
    if not lively:
        raise still
    if objects is not None and len(lively) < objects:
        notes.append(f"{objects} objects were asked for, and {len(lively)} were found; name them with --boxes.")
    # Regions whose motion makes no cluster are no objects.
    number = np.full(len(places), -1)
    number[lively] = np.arange(len(lively))
    clusters = Clusters(clusters.tracks, clusters.labels, number[clusters.groups])
    places = [places[j] for j in lively]
    stands_out = bool(boxes) or _stands_out(clusters, kept)
    if not stands_out:
        notes.append(
            "Only the camera moves for certain: what is left beside its motion is as slow as a still scene with near"
            " and far parts would be. The objects found are no more than parts of the picture; name them with --boxes."
        )
    elif not boxes:
        whole = tracks.size[0] * tracks.size[1]
        notes += [
            f"object{j + 1} spans {place.width * place.height / whole:.0%} of the picture; all in it moves:"
            " name smaller ones with --boxes."
            for j, place in enumerate(places)
            if place.width * place.height > _WHOLE * whole
        ]
    return Seen(clusters, places, np.array(kept), np.array(shares), scale, stands_out)


def _stands_out(clusters: Clusters, kept: Sequence[int]) -> bool:
    """Whether the fastest cluster is not slow beside the camera, which a still scene with depth would not be."""
    tracks = clusters.tracks
    middle = camera.apply(tracks.cameras, np.array(tracks.size) / 2)
    moved = np.hypot(*np.diff(middle, axis=0).T) / np.diff(tracks.times)
    return bool(clusters.speeds()[:, kept].mean(axis=0).max() > _PARALLAX * moved.mean())
