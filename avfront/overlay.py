"""Which motion makes which sound: drawn over the first frame, and over the whole video with its objects' sounds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront import media
from avfront.errors import AvfrontError
from avfront.extras import extra
from avfront.media import Frame, Image
from avfront.motion.clusters import Clusters
from avfront.motion.regions import Box
from avfront.motion.tracks import CELL

Array = npt.NDArray[Any]
Masks = npt.NDArray[np.bool_]

# BGR, told apart by colour-blind eyes too (Okabe and Ito).
COLOURS = ((0, 159, 230), (233, 180, 86), (115, 158, 0), (66, 228, 240), (178, 114, 0), (0, 94, 213), (167, 121, 204))
_FADE = 0.2  # s for which the meter falls behind


@dataclass(frozen=True)
class Finding:
    """What was found in a video, for drawing.

    Attributes
    ----------
    clusters : Clusters
        Of points, with objects as groups.
    boxes : sequence of Box
        Of the objects, pixels of the pictures that were analysed.
    names : sequence of str
        Of the objects.
    sounding : integers (J,)
        Cluster that makes the sound of each object; −1 where none is shown.
    """

    clusters: Clusters
    boxes: Sequence[Box]
    names: Sequence[str]
    sounding: npt.NDArray[np.int64]


def spread(points: Any, size: tuple[int, int]) -> Masks:
    """The region that points (P, 2) stand for in a picture of `size` (width, height): a disc of a cell around each.

    >>> int(spread(np.array([[50.0, 50.0]]), (100, 100)).sum()) in range(150, 260)
    True
    """
    cv2 = extra("cv2")
    mask = np.zeros((size[1], size[0]), np.uint8)
    for x, y in np.round(points).astype(int).tolist():
        cv2.circle(mask, (x, y), CELL, 1, -1)
    return mask.astype(bool)


def region(clusters: Clusters, which: int, frame: int) -> Masks:
    """Where a cluster is in one frame: (height, width)."""
    tracks = clusters.tracks
    rows = (tracks.frame == frame) & (clusters.labels[tracks.owner] == which)
    return spread(tracks.position[rows], tracks.size)


def localisation(finding: Finding, first: Image) -> Image:
    """The first frame with the way of each sounding cluster over it: brighter where it goes more often."""
    cv2 = extra("cv2")
    image = first.astype(np.float32) * 0.45
    scale = first.shape[1] / finding.clusters.tracks.size[0]
    tracks = finding.clusters.tracks
    owner = finding.clusters.labels[tracks.owner]
    for j, cluster in enumerate(finding.sounding):
        points = tracks.steadied[owner == cluster] * scale
        inside = Box(0, 0, first.shape[1], first.shape[0]).contains(points)
        x, y = points[inside].astype(int).T
        often = np.zeros(first.shape[:2], np.float32)
        np.add.at(often, (y, x), 1)
        often = cv2.GaussianBlur(often, (0, 0), 0.7 * CELL * scale)
        share = np.sqrt(often / max(float(often.max()), 1e-12))[..., None]
        image = image * (1 - 0.8 * share) + 0.8 * share * np.array(COLOURS[j % len(COLOURS)], np.float32)
    drawn = np.ascontiguousarray(np.clip(image, 0, 255), np.uint8)
    for j, (box, name) in enumerate(zip(finding.boxes, finding.names, strict=True)):
        outline(drawn, box.scaled(scale), name, COLOURS[j % len(COLOURS)])
    return drawn


def write_picture(path: Path, image: Image) -> None:
    """Write a picture as PNG."""
    done, data = extra("cv2").imencode(".png", image)
    if not done:
        raise AvfrontError("the picture cannot be written", file=path, remedy="choose another folder with -o")
    path.write_bytes(data.tobytes())


def video(
    path: Path, finding: Finding, frames: Iterable[Frame], tracks: Mapping[str, Array], rate: int, start: float
) -> None:
    """Write the video with boxes, moving points and meters; the sounds, by name, are its audio streams.

    Parameters
    ----------
    path : Path
        Of the mp4.
    finding : Finding
        What to draw.
    frames : iterable of Frame
        Colour pictures of the frames that were analysed, of any one size.
    tracks : mapping of name to array (I, T)
        The mixture first, then the objects by their names.
    rate : int
        Of the sounds, Hz.
    start : float
        Time of their first sample, on the clock of the frames.
    """
    drawn = _drawn(finding, frames, {name: _level(tracks[name], rate) for name in finding.names}, start)
    media.write(path, drawn, tracks, rate, start=start)


def _drawn(finding: Finding, frames: Iterable[Frame], levels: Mapping[str, Array], start: float) -> Iterator[Frame]:
    """The pictures with boxes, moving points and meters; levels are in steps of 20 ms."""
    cv2 = extra("cv2")
    points = finding.clusters.tracks
    owner = finding.clusters.labels[points.owner]
    order = np.argsort(points.frame, kind="stable")
    edges = np.searchsorted(points.frame[order], np.arange(len(points.times) + 1))
    groups = finding.clusters.groups
    last = -np.inf
    shown = np.zeros(len(finding.names))
    for k, frame in enumerate(frames):
        image = frame.image.copy()
        scale = image.shape[1] / points.size[0]
        rows = order[edges[k] : edges[k + 1]] if k < len(points.times) else order[:0]
        for row in rows:
            j = groups[owner[row]]
            if owner[row] == finding.sounding[j]:
                at = (points.position[row] * scale).round().astype(int).tolist()
                cv2.circle(image, at, max(2, round(2 * scale)), COLOURS[j % len(COLOURS)], -1, cv2.LINE_AA)
        shown *= np.exp(-(frame.time - last) / _FADE) if np.isfinite(last) else 0
        move = points.cameras[min(k, len(points.cameras) - 1)]
        for j, (name, box) in enumerate(zip(finding.names, finding.boxes, strict=True)):
            at_sample = int((frame.time - start) * 50)
            now = levels[name][at_sample] if 0 <= at_sample < len(levels[name]) else 0.0
            shown[j] = max(shown[j], now)
            corner = np.linalg.solve(move[:, :2], (box.x, box.y) - move[:, 2])
            moved = Box(corner[0], corner[1], box.width, box.height).scaled(scale)
            outline(image, moved, name, COLOURS[j % len(COLOURS)], float(shown[j]))
        last = frame.time
        yield Frame(frame.time, image)


def _level(samples: Array, rate: int) -> Array:
    """0…1 in steps of 20 ms: 40 dB below the loudest and less is 0."""
    hop = max(1, round(rate / 50))
    power = np.square(samples, dtype=np.float64).mean(axis=0)
    power = power[: len(power) // hop * hop].reshape(-1, hop).mean(axis=1)
    if len(power) == 0 or power.max() == 0:
        return np.zeros(0)
    return np.asarray(np.clip(1 + np.log10(np.maximum(power / power.max(), 1e-12)) / 4, 0, 1))


def outline(
    image: Image, box: Box, name: str, colour: tuple[int, int, int], level: float | None = None, opacity: float = 1.0
) -> None:
    """Draw a box with its name into a picture, and, where `level` (0…1) is given, a meter; `opacity` is 0…1."""
    cv2 = extra("cv2")
    drawn = image if opacity == 1 else image.copy()
    x, y, right, bottom = (round(side) for side in (box.x, box.y, box.x + box.width, box.y + box.height))
    cv2.rectangle(drawn, (x, y), (right, bottom), colour, 1, cv2.LINE_AA)
    size = max(0.4, image.shape[1] / 1600)
    at = (x + 4, y + round(34 * size))
    cv2.putText(drawn, name, at, cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(drawn, name, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
    if level is not None:
        top = round(bottom - 4 - level * (bottom - y - 8))
        cv2.rectangle(drawn, (right - 9, top), (right - 4, bottom - 4), colour, -1)
    if opacity != 1:
        cv2.addWeighted(drawn, opacity, image, 1 - opacity, 0, dst=image)
