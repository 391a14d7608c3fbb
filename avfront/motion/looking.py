"""What moves in a video: followed, grouped and chosen."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront import media
from avfront.errors import AvfrontError
from avfront.media import Frame, MediaInfo
from avfront.motion import camera, regions
from avfront.motion.clusters import Clusters, cluster
from avfront.motion.evidence import Seen
from avfront.motion.regions import Box
from avfront.motion.tracks import Tracks, follow

Array = npt.NDArray[Any]
Integers = npt.NDArray[np.int64]

_CLUSTERS = 6  # of an object that take part: those that move most
_LEAST_MOTION = 0.05  # of what moves most in an object: less motion in all takes no part
_WHOLE = 0.6  # of the picture: a larger object is said to be one
_PARALLAX = 0.5  # of the camera's speed, that the parts of a still scene may seem to have


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
    tracks = _followed(frames, info, notes)
    scale = tracks.size[0] / video.width
    _check_boxes(boxes, info)
    places = [box.scaled(scale) for box in boxes] or regions.find(tracks, objects)
    still = AvfrontError("nothing moves in the video", file=info.path, remedy="name the objects with --boxes")
    if not places or len(tracks) == 0:
        raise still
    clusters = cluster(tracks, regions.assign(tracks, places), seed=seed)
    moving = np.bincount(clusters.labels[clusters.tracks.owner], clusters.tracks.speed, len(clusters))
    main = [_main(np.flatnonzero(clusters.groups == j), moving) for j in range(len(places))]
    lively = [j for j, own in enumerate(main) if len(own)]
    for j in range(len(boxes)):
        if j not in lively:
            raise AvfrontError(
                f"nothing moves in box {j + 1} of {len(boxes)}", file=info.path, remedy="leave it out, or move it"
            )
    if not lively:
        raise still
    if objects is not None and len(lively) < objects:
        notes.append(f"{objects} objects were asked for, and {len(lively)} were found; name them with --boxes.")
    kept = np.concatenate([main[j] for j in lively])
    shares = np.concatenate([moving[main[j]] / moving[main[j][0]] for j in lively])
    # Regions whose motion makes no cluster are no objects.
    number = np.full(len(places), -1)
    number[lively] = np.arange(len(lively))
    clusters = Clusters(clusters.tracks, clusters.labels, number[clusters.groups])
    seen = Seen(clusters, [places[j] for j in lively], kept, shares, scale, bool(boxes) or _stands_out(clusters, kept))
    if not boxes:
        notes += _doubts(seen)
    return seen


def _followed(frames: Iterable[Frame], info: MediaInfo, notes: list[str]) -> Tracks:
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
    return tracks


def _check_boxes(boxes: Sequence[Box], info: MediaInfo) -> None:
    video, _ = media.needs(info)
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


def _main(own: Integers, moving: Array) -> Integers:
    """Those of an object's clusters that take part, the one that moves most first; `moving` is how much each does."""
    own = own[np.argsort(-moving[own], kind="stable")][:_CLUSTERS]
    return own[moving[own] >= _LEAST_MOTION * moving[own[:1]]]


def _doubts(seen: Seen) -> list[str]:
    """What the user should know of objects that were looked for."""
    if not seen.stands_out:
        return [
            "Only the camera moves for certain: what is left beside its motion is as slow as a still scene with near"
            " and far parts would be. The objects found are no more than parts of the picture; name them with --boxes."
        ]
    whole = seen.tracks.size[0] * seen.tracks.size[1]
    return [
        f"{name} spans {place.width * place.height / whole:.0%} of the picture; all in it moves:"
        " name smaller ones with --boxes."
        for name, place in zip(seen.names, seen.boxes, strict=True)
        if place.width * place.height > _WHOLE * whole
    ]


def _stands_out(clusters: Clusters, kept: Integers) -> bool:
    """Whether the fastest cluster is not slow beside the camera, which a still scene with depth would not be."""
    tracks = clusters.tracks
    middle = camera.apply(tracks.cameras, np.array(tracks.size) / 2)
    moved = np.hypot(*np.diff(middle, axis=0).T) / np.diff(tracks.times)
    return bool(clusters.speeds()[:, kept].mean(axis=0).max() > _PARALLAX * moved.mean())
