"""Tracks that move alike and lie near one another, as clusters; as many as there are.

A minimum-cost multicut of a sparse graph over tracks, as Keuper, Andres and Brox (2015, eq. 6): the log odds that two
tracks belong to one body fall with the largest difference between their motions and with their distance. Beyond the
paper, a track that begins where another has just ended is taken for its continuation, so that a body that turns or is
hidden for a moment stays one cluster.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avfront.motion.multicut import multicut
from avfront.motion.tracks import Tracks

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_LEAST_ROWS = 6  # of a track that takes part
_LEAST_WAY = 4.0  # pixels that a track must go, in all, to take part
_MOST_TRACKS = 6000  # that take part: those that go farthest
_LEAST_TRACKS = 4  # in a cluster that is kept
_STRIDE = 5  # frames from one search for neighbours to the next
_NEIGHBOURS = 12
_FAR = 8  # pairs per track that are drawn at random
_REACH = 120.0  # pixels: no edges beyond
_SPAN = 0.12  # s over which motions are compared
_BATCH = 1 << 20  # rows compared at once


@dataclass(frozen=True)
class Affinity:
    """Log odds of belonging together: the larger of two lines, of which one falls with distance too.

    Attributes
    ----------
    bias, motion, distance : float
        ``bias − motion · d_motion − distance · d_space`` for neighbours…
    far_bias, far_motion : float
        …or ``far_bias − far_motion · d_motion``, if that is more.
    floor : float
        Pixels of motion that the flow is unsure about.
    relative : float
        The same as a share of the motion itself.
    """

    bias: float = 5.0
    motion: float = 2.0
    distance: float = 0.06
    far_bias: float = 1.0
    far_motion: float = 2.5
    floor: float = 0.5
    relative: float = 0.15

    def __call__(self, motion: Array, distance: Array) -> Array:
        """Of pairs with these distances in motion (no unit) and in space (pixels)."""
        return np.maximum(
            self.bias - self.motion * motion - self.distance * distance, self.far_bias - self.far_motion * motion
        )


@dataclass(frozen=True)
class Clusters:
    """The tracks that take part, and the cluster of each, the largest first.

    Attributes
    ----------
    tracks : Tracks
        Of all clusters together.
    labels : integers (P,)
        Cluster of each track.
    groups : integers (C,)
        Group of each cluster: which box it lies in.
    """

    tracks: Tracks
    labels: Integers
    groups: Integers

    def __len__(self) -> int:
        return len(self.groups)

    def speeds(self) -> Array:
        """Mean speed of each cluster's points in each frame, (T, C), pixels per second; 0 where it has none."""
        owner = self.labels[self.tracks.owner]
        place = self.tracks.frame * len(self) + owner
        size = len(self.tracks.times) * len(self)
        total = np.bincount(place, self.tracks.speed, size)
        count = np.bincount(place, minlength=size)
        return (total / np.maximum(count, 1)).reshape(len(self.tracks.times), len(self))


def cluster(
    tracks: Tracks, groups: Integers | None = None, *, affinity: Affinity = Affinity(), seed: int = 0
) -> Clusters:
    """Clusters of the tracks that are long enough and move far enough to be compared.

    Parameters
    ----------
    tracks : Tracks
        Of one video.
    groups : integers (P,), optional
        Tracks of different groups are never in one cluster; those of group −1 take no part.
    affinity : Affinity
        What belongs together.
    seed : int
        Of the pairs of distant tracks that are compared.
    """
    groups = np.zeros(len(tracks), np.int64) if groups is None else groups
    way = np.bincount(tracks.owner, np.hypot(*tracks.motion.T), len(tracks))
    way[(tracks.lengths < _LEAST_ROWS) | (groups < 0)] = 0
    least = max(_LEAST_WAY, float(np.sort(way)[-_MOST_TRACKS:][0])) if len(way) else _LEAST_WAY
    tracks, groups = tracks.chosen(way >= least), groups[way >= least]
    if len(tracks) == 0:
        return Clusters(tracks, np.zeros(0, np.int64), np.zeros(0, np.int64))
    pairs = _pairs(tracks, np.random.default_rng(seed))
    pairs = pairs[groups[pairs[:, 0]] == groups[pairs[:, 1]]]
    motion, distance = _differences(tracks, pairs, affinity)
    known = np.isfinite(motion)
    follow, joint = _continuations(tracks, affinity)
    together = groups[follow[:, 0]] == groups[follow[:, 1]]
    follow, joint = follow[together], joint[together]
    edges = np.concatenate([pairs[known], follow])
    weights = np.concatenate([affinity(motion[known], distance[known]), joint])
    labels = multicut(len(tracks), edges, weights)
    large = np.bincount(labels) >= _LEAST_TRACKS  # labels go by size, so that the kept ones come first
    kept = large[labels]
    first = np.unique(labels[kept], return_index=True)[1]
    return Clusters(tracks.chosen(kept), labels[kept], groups[kept][first])


def _pairs(tracks: Tracks, rng: np.random.Generator) -> Integers:
    """Pairs of tracks (E, 2) that were neighbours at some time, and some that were not so near."""
    from scipy.spatial import cKDTree

    found: list[Integers] = []
    owner, by_frame = tracks.owner, np.argsort(tracks.frame, kind="stable")
    edges = np.searchsorted(tracks.frame[by_frame], np.arange(0, len(tracks.times) + 1))
    for frame in range(0, len(tracks.times), _STRIDE):
        rows = by_frame[edges[frame] : edges[frame + 1]]
        if len(rows) < 2:
            continue
        here, ids = tracks.position[rows], owner[rows]
        count = min(_NEIGHBOURS + 1, len(rows))
        near = cKDTree(here).query(here, k=count)[1][:, 1:]
        found.append(np.stack([np.repeat(ids, count - 1), ids[near.ravel()]], axis=1))
        # Each search draws its part of the distant pairs: a track lives through several.
        one, other = rng.integers(0, len(rows), (2, _FAR * len(rows) // 4))
        close = np.hypot(*(here[one] - here[other]).T) < _REACH
        found.append(np.stack([ids[one[close]], ids[other[close]]], axis=1))
    if not found:
        return np.zeros((0, 2), np.int64)
    pairs = np.sort(np.concatenate(found), axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)


def _differences(tracks: Tracks, pairs: Integers, affinity: Affinity) -> tuple[Array, Array]:
    """Largest difference in motion, and mean distance, of each pair over the frames that they share.

    Motion is that over the last :data:`_SPAN` seconds, and its difference is measured in what the flow is unsure
    about there. NaN where a pair shares no such frame.
    """
    rate = 1 / float(np.median(np.diff(tracks.times)))
    span = max(1, round(_SPAN * rate))
    way = np.cumsum(tracks.motion, axis=0)
    starts, lengths = tracks.frame[tracks.first], tracks.lengths
    begin = np.maximum(starts[pairs[:, 0]], starts[pairs[:, 1]]) + span
    end = np.minimum((starts + lengths)[pairs[:, 0]], (starts + lengths)[pairs[:, 1]])
    shared = np.maximum(end - begin, 0)
    motion = np.full(len(pairs), np.nan)
    distance = np.full(len(pairs), np.nan)
    some = np.flatnonzero(shared)
    batch = np.cumsum(shared[some]) // _BATCH
    for part in np.split(some, np.flatnonzero(np.diff(batch)) + 1):
        if len(part) == 0:
            continue
        count = shared[part]
        begins = np.cumsum(count) - count
        frame = np.arange(count.sum()) - np.repeat(begins - begin[part], count)
        rows = [np.repeat((tracks.first - starts)[pairs[part, side]], count) + frame for side in (0, 1)]
        moves = [way[row] - way[row - span] for row in rows]
        size = np.maximum(np.hypot(*moves[0].T), np.hypot(*moves[1].T))
        apart = np.hypot(*(moves[0] - moves[1]).T) / (affinity.floor + affinity.relative * size)
        motion[part] = np.maximum.reduceat(apart, begins)
        gap = np.hypot(*(tracks.position[rows[0]] - tracks.position[rows[1]]).T)
        distance[part] = np.add.reduceat(gap, begins) / count
    return motion, distance


def _continuations(tracks: Tracks, affinity: Affinity) -> tuple[Integers, Array]:
    """Pairs (E, 2) of a track and one that begins near where and when it ended, and their log odds."""
    from scipy.spatial import cKDTree

    rate = 1 / float(np.median(np.diff(tracks.times)))
    last = tracks.first + tracks.lengths - 1
    # Time as a third dimension: a frame counts like so many pixels.
    stretch = 60.0 / rate
    ends = np.column_stack([tracks.position[last], tracks.frame[last] * stretch])
    begins = np.column_stack([tracks.position[tracks.first], tracks.frame[tracks.first] * stretch])
    gap, which = cKDTree(ends).query(begins, k=min(4, len(tracks)), distance_upper_bound=16.0)
    gap, which = gap.reshape(len(tracks), -1), which.reshape(len(tracks), -1)
    one, place = np.nonzero(np.isfinite(gap))
    other = which[one, place]
    later = (tracks.frame[last[other]] < tracks.frame[tracks.first[one]]) & (one != other)
    one, other, place = one[later], other[later], place[later]
    return np.stack([other, one], axis=1), 0.3 * affinity.bias - affinity.distance * gap[one, place]
