"""Long recordings in overlapping segments, cross-faded, so that memory does not grow with their length."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def plan(frames: int, longest: int, overlap: int) -> list[tuple[int, int]]:
    """(start, stop) of equally long segments that cover `frames` samples and overlap by `overlap`.

    No segment is longer than `longest`; a recording that fits is one segment.

    >>> plan(100, 100, 10)
    [(0, 100)]
    >>> plan(100, 60, 10)
    [(0, 55), (45, 100)]
    """
    if not 0 <= overlap < longest:
        raise ValueError(f"overlap={overlap} must lie in 0…{longest - 1}, below longest={longest}.")
    if frames <= longest:
        return [(0, frames)]
    count = -(-(frames - overlap) // (longest - overlap))
    edges = [round(k * (frames - overlap) / count) for k in range(count + 1)]
    return [(start, stop + overlap) for start, stop in pairwise(edges)]


def cut(blocks: Iterable[Array], spans: list[tuple[int, int]]) -> Iterator[Array]:
    """The samples (…, stop − start) of each span, from a stream of blocks (…, samples) that is read once.

    >>> [part.tolist() for part in cut(iter([np.arange(3), np.arange(3, 8)]), [(0, 5), (4, 8)])]
    [[0, 1, 2, 3, 4], [4, 5, 6, 7]]
    """
    source = iter(blocks)
    held: list[Array] = []
    at = have = 0  # what is held begins at sample `at` and has `have` samples
    for start, stop in spans:
        while at + have < stop:
            block = next(source, None)
            if block is None:
                raise ValueError(f"the stream ended at sample {at + have}, before {stop}.")
            held.append(block)
            have += block.shape[-1]
        joined = np.concatenate(held, axis=-1)[..., start - at :]
        at, have, held = start, joined.shape[-1], [joined]
        yield joined[..., : stop - start]


def crossfade(parts: Iterable[Array], spans: list[tuple[int, int]]) -> Iterator[Array]:
    """Join what was made of overlapping segments: linear fades whose weights add up to one everywhere.

    Parameters
    ----------
    parts : iterable of arrays (…, stop − start)
        One per span.
    spans : list of (start, stop)
        As from :func:`plan`; a sample lies in two of them at most.

    Yields
    ------
    array (…, samples)
        Finished samples, from the first to the last.

    >>> spans = plan(100, 60, 10)
    >>> bool(np.allclose(np.concatenate(list(crossfade((np.ones(b - a) for a, b in spans), spans))), 1))
    True
    """
    tail: Array | None = None
    for k, part in enumerate(parts):
        start, stop = spans[k]
        part = part.copy()
        if tail is not None:
            length = tail.shape[-1]
            fade = ((np.arange(length) + 0.5) / length).astype(part.real.dtype)
            part[..., :length] = tail * (1 - fade) + part[..., :length] * fade
        keep = spans[k + 1][0] - start if k + 1 < len(spans) else stop - start
        tail = part[..., keep:]
        yield part[..., :keep]
