"""One full iteration of β-NMF (W and H) of nmfcore's backends, scikit-learn, torchnmf and plain NumPy."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import nmfcore

from .contest import Contestant, compete, peak_bytes
from .nmf_programs import Workload, error, make, numpy_formulas, ours, scikit_learn, torchnmf

ROUNDS = 7


def clip(beta: float, name: str) -> Workload:
    return make(f"{name}-513x313-k20", f"{name.upper()}, one clip, 513 × 313, K = 20", beta, 513, [313], 20)


def clips(count: int) -> Workload:
    return make(f"kl-{count}x513x313-k20", f"KL, {count} clips at once, 513 × 313, K = 20", 1.0, 513, [313] * count, 20)


def ragged_clips() -> Workload:
    frames = np.random.default_rng(4).integers(100, 526, 64).tolist()
    what = "KL, 64 clips at once, 513 × (100…525), K = 20"
    return make("kl-ragged-64", what, 1.0, 513, frames, 20)


def long(beta: float, name: str) -> Workload:
    what = f"{name.upper()}, one recording, 2049 × 1300, K = 45"
    return make(f"{name}-2049x1300-k45", what, beta, 2049, [1300], 45)


def separation() -> Workload:
    what = "IS, dictionary given (H only), 513 × 400, K = 320"
    return make("is-fixed-513x400-k320", what, 0.0, 513, [400], 320, free_w=False)


def ragged() -> Workload:
    frames = np.random.default_rng(2).integers(60, 400, 16).tolist()
    return make("is-ragged-16", "IS, 16 dictionaries at once, 513 × (60…400), K = 32", 0.0, 513, frames, 32)


def large(beta: float) -> Workload:
    what = f"β = {beta:g}, torchnmf's own size, 1025 × 5168, K = 88"
    return make(f"beta{beta:g}-1025x5168-k88", what, beta, 1025, [5168], 88)


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "kl-clip": lambda: clip(1.0, "kl"),
    "is-clip": lambda: clip(0.0, "is"),
    "kl-clips": lambda: clips(64),
    "kl-ragged": ragged_clips,
    "kl-long": lambda: long(1.0, "kl"),
    "is-long": lambda: long(0.0, "is"),
    "is-fixed": separation,
    "is-ragged": ragged,
    **{f"large-beta{beta:g}": lambda beta=beta: large(beta) for beta in (0.0, 0.5, 1.0, 1.5, 2.0)},  # type: ignore[misc]
}


def contestants(work: Workload) -> list[Contestant]:
    """Ours first: the fastest backend that is installed; then the peers, and our other backends."""
    fastest, *rest = nmfcore.backends.available()
    small = work.flops() < 2e8
    batch = len(work.V) > 16  # the slow backends have shown what they do with one
    entries = [ours(work, fastest), scikit_learn(work), torchnmf(work), numpy_formulas(work)]
    # The reference is there to be right, in float64; it is timed only where that takes no time.
    entries += [ours(work, name) for name in rest if (name != "reference" or small) and not batch]
    if not work.free_w:
        # The job as the model of the paper has it. The peers cannot do it, so the ratios are without.
        blocks = [slice(k, k + 32) for k in range(0, work.W[0].shape[1], 32)]
        groups = [tuple(blocks[: len(blocks) // 2]), tuple(blocks[len(blocks) // 2 :])]
        entries.append(ours(replace(work, sparsity=groups), fastest))
    return entries


@pytest.mark.parametrize("name", WORKLOADS)
def test_iteration(
    name: str,
    benchmark: Any,
    ceilings: Callable[[], dict[str, float]],
    write_result: Callable[[str, dict[str, Any]], None],
) -> None:
    work = WORKLOADS[name]()
    entries = contestants(work)
    ceilings()
    table, others = compete(entries, ROUNDS if work.flops() < 2e9 else 5, benchmark)
    best = ceilings()
    for entry in entries:
        row = table[entry.name]
        row["gflops"] = work.flops() / row["iteration_s"] / 1e9
        row["sgemm_fraction"] = row["gflops"] / best["sgemm_gflops"]
        row["error"] = None if "sparsity" in entry.name else error(work, entry)
        row["peak_bytes"] = peak_bytes(lambda run=entry.run: run(3))  # type: ignore[misc]
        assert np.isfinite(row["iteration_s"])
    write_result(
        work.name,
        {
            "kind": "nmf",
            "what": work.what,
            "beta": work.beta,
            "ours": entries[0].name,
            "flops_per_iteration": work.flops(),
            "bytes_of_v": sum(v.nbytes for v in work.V),
            "ceilings": best,
            "others_share_of_cpu": others,
            "contestants": table,
        },
    )
