"""Time to a given objective: with and without `acceleration`, from the same start."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest

import nmfcore

from .nmf_programs import Workload
from .test_nmf_iterations import WORKLOADS

ITERATIONS, ROUNDS = 200, 5


def seconds_to(work: Workload, acceleration: str | None, target: float, limit: int) -> tuple[float, int]:
    """Wall time of a fit that stops at the first check with an objective of at most `target`, and its iterations."""
    start = time.perf_counter()
    fit = nmfcore.nmf(
        work.V[0],
        beta=work.beta,
        W=work.W[0],
        H=work.H[0],
        n_iter=limit,
        acceleration=acceleration,
        callback=lambda _, value: value[0] <= target,
    )
    return time.perf_counter() - start, fit.n_iter


@pytest.mark.parametrize("name", ["kl-clip", "is-clip", "kl-long", "is-long"])
def test_acceleration(name: str, write_result: Callable[[str, dict[str, Any]], None]) -> None:
    work = WORKLOADS[name]()
    V, W, H = work.V[0], work.W[0], work.H[0]
    target = float(nmfcore.nmf(V, beta=work.beta, W=W, H=H, n_iter=ITERATIONS).objective) * (1 + 1e-7)
    samples: dict[str, list[float]] = {"plain": [], "extrapolation": []}
    iterations: dict[str, int] = {}
    for _ in range(ROUNDS):
        for label in samples:
            seconds, count = seconds_to(work, None if label == "plain" else label, target, ITERATIONS)
            samples[label].append(seconds)
            iterations[label] = count
    ratios = [slow / fast for slow, fast in zip(samples["plain"], samples["extrapolation"], strict=True)]
    assert iterations["extrapolation"] <= ITERATIONS
    write_result(
        f"acceleration-{name}",
        {
            "kind": "acceleration",
            "what": work.what,
            "flops_per_iteration": work.flops(),
            "target": target,
            "iterations": iterations,
            "seconds": {label: statistics.median(times) for label, times in samples.items()},
            "times_faster": statistics.median(ratios),
            "times_faster_range": [min(ratios), max(ratios)],
        },
    )
