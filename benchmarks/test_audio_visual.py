"""What the audio-visual system spends its time on: component proposals, and training the small base networks."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from . import machine

CLIPS, SECONDS = 64, 10
ROUNDS = 3
BATCH, FRAMES, BOXES = 8, 10, 10  # clips, pictures a clip, boxes a picture


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
            "kind": "audio-visual",
            "what": f"NCP of {CLIPS} clips of {SECONDS} s at 16 kHz, K = 20, 200 iterations, to 20 × 10 patches each",
            "ceilings": ceilings(),
            "others_share_of_cpu": machine.others_share(before, after, seconds),
            "runs": runs[1:],
            "median": {name: statistics.median(run[name] for run in runs[1:]) for name in runs[0]},
        },
    )


def test_small_networks(
    benchmark: Any, write_result: Callable[[str, dict[str, Any]], None], ceilings: Callable[[], Any]
) -> None:
    torch = pytest.importorskip("torch")
    from avfront.features import audio_network, visual_network

    torch.set_num_threads(machine.THREADS)
    torch.manual_seed(0)
    audio, visual = audio_network(), visual_network()
    patches = torch.randn(BATCH * 2 * SECONDS, 96, 64)
    frames = torch.rand(FRAMES, 3, 240, 320)
    corners = torch.rand(FRAMES * BOXES, 2) * torch.tensor([240.0, 160.0])
    boxes = torch.cat([corners, 20 + torch.rand(FRAMES * BOXES, 2) * (300 - corners)], dim=1)
    of = torch.arange(FRAMES).repeat_interleave(BOXES)
    runs: list[dict[str, float]] = []

    def step() -> None:
        start = time.perf_counter()
        audio(patches).sum().backward()
        heard = time.perf_counter()
        for _ in range(BATCH):
            visual(frames, boxes, of).sum().backward()
        runs.append({"audio_s": (heard - start) / BATCH, "visual_s": (time.perf_counter() - heard) / BATCH})

    before, start = machine.cpu_seconds(), time.perf_counter()
    benchmark.pedantic(step, rounds=5 * ROUNDS, warmup_rounds=2)
    seconds = time.perf_counter() - start
    after = machine.cpu_seconds()
    runs = runs[2:]
    write_result(
        "small-networks",
        {
            "kind": "audio-visual",
            "what": "forward and backward pass of the small networks, a clip: 20 patches, 100 boxes in 10 pictures",
            "ceilings": ceilings(),
            "others_share_of_cpu": machine.others_share(before, after, seconds),
            "runs": runs,
            "median": {name: statistics.median(run[name] for run in runs) for name in runs[0]},
        },
    )
