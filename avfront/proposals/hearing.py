"""The audio proposals of sounds, whether or not they come from videos."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from avfront.proposals import components, log_mel
from avfront.proposals.components import Factors, Sound, factorize
from avfront.proposals.found import Heard, Settings


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
    ncp, ncp_times, of = components.propose(sound, *factors)
    return Heard(
        tsp=tsp,
        tsp_times=tsp_times,
        ncp=ncp,
        ncp_times=ncp_times,
        ncp_components=of,
        patterns=factors[0],
        activations=factors[1],
    )


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """A thread for each core, whose products of matrices therefore run in one thread each."""
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield pool
