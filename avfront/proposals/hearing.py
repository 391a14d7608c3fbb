"""The audio proposals of sounds, whether or not they come from videos."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from avfront.proposals import components, log_mel
from avfront.proposals.components import Factors, Sound, factorize
from avfront.proposals.found import Array, Indices, Settings, Times


@dataclass(frozen=True)
class Heard:
    """The audio half of :class:`avfront.proposals.Proposals`, field by field."""

    tsp: Array
    tsp_times: Times
    ncp: Array
    ncp_times: Times
    ncp_components: Indices
    patterns: Array
    activations: Array


def hear(sounds: Sequence[Sound], settings: Settings = Settings(), *, device: str = "auto") -> list[Heard]:  # noqa: B008
    """The audio proposals of sounds (samples,) at 16 kHz: one ragged factorization, the rest sound by sound.

    >>> import numpy as np
    >>> tone = np.sin(np.arange(160000) / 5).astype(np.float32)
    >>> heard, short = hear([tone, tone[:32000]], Settings(components=3, iterations=5))
    >>> heard.tsp.shape, heard.ncp.shape, short.ncp.shape
    ((20, 96, 64), (30, 96, 64), (6, 96, 64))
    """
    factors = factorize(sounds, settings, device=device)
    with workers() as pool:
        return list(pool.map(lambda sound, of: listen(sound, of, settings), sounds, factors))


def listen(sound: Sound, factors: Factors, settings: Settings) -> Heard:
    """The audio proposals of a sound whose factorization is known."""
    tsp, tsp_times = log_mel.patches(sound, settings.stride)
    return Heard(tsp, tsp_times, *components.propose(sound, *factors), *factors)


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """A thread for each core, whose products of matrices therefore run in one thread each."""
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield pool
