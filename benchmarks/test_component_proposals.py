"""NMF component proposals of 64 clips of 10 s: one ragged factorization, and every component through the front end."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from . import machine

CLIPS, SECONDS = 64, 10
ROUNDS = 5


def sounds(data: Path) -> list[np.ndarray]:
    """Clips of real recordings, two of 5 s one after the other in each."""
    import soundfile

    files = sorted((data / "clips").rglob("*.flac"))
    every = [soundfile.read(file, dtype="float32")[0] for file in files]
    long = [one for one in every if len(one) >= 16000 * SECONDS // 2]
    pairs = (np.concatenate([long[2 * n % len(long)], long[(2 * n + 1) % len(long)]]) for n in range(CLIPS))
    return [pair[: 16000 * SECONDS] for pair in pairs]


def test_component_proposals(
    data: Path, benchmark: Any, write_result: Callable[[str, dict[str, Any]], None], ceilings: Callable[[], Any]
) -> None:
    pytest.importorskip("soundfile")
    from avfront.proposals import Settings, components, hearing

    clips, settings = sounds(data), Settings()
    runs: list[dict[str, float]] = []

    def propose() -> None:
        start = time.perf_counter()
        factors = components.factorize(clips, settings)
        factorized = time.perf_counter()
        with hearing.workers() as pool:
            found = list(pool.map(components.propose, clips, *zip(*factors, strict=True)))
        runs.append({"total_s": time.perf_counter() - start, "factorization_s": factorized - start})
        assert all(ncp.shape == (20 * SECONDS, 96, 64) for ncp, _, _ in found)

    before, start = machine.cpu_seconds(), time.perf_counter()
    benchmark.pedantic(propose, rounds=ROUNDS, warmup_rounds=1)
    seconds = time.perf_counter() - start
    after = machine.cpu_seconds()
    write_result(
        "component-proposals-64x10s",
        {
            "kind": "proposals",
            "what": f"NCP of {CLIPS} clips of {SECONDS} s at 16 kHz, K = 20, 200 iterations, to 20 × 10 patches each",
            "ceilings": ceilings(),
            "others_share_of_cpu": machine.others_share(before, after, seconds),
            "runs": runs[1:],
            "median": {name: statistics.median(run[name] for run in runs[1:]) for name in runs[0]},
        },
    )
