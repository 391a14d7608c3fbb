"""One iteration of the models that couple sound and motion, beside plain KL-NMF of the same size."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nmfcore.threads
from nmfcore.penalties import Coupling, Regression, UnitNorm, UnitSum

from .contest import Contestant, compete
from .nmf_programs import Factors, Workload, make

ROUNDS = 7
RANKS = (8, 16, 30, 45)  # the thesis: 4 components a source with coupling, 15 with regression


def contestants(work: Workload, backend: str) -> list[Contestant]:
    """Plain KL-NMF first; the penalties as `soft_coupled_nmf` and `cross_modal_regression` set them."""
    rng = np.random.default_rng(3)
    rank, frames = work.H[0].shape
    motion = rng.gamma(0.3, size=(rank, frames)) * (rng.random((rank, frames)) < 0.5)
    speeds = rng.gamma(0.3, size=(frames, 12))
    penalties = {
        "plain KL": [],
        "soft coupling": [UnitSum(), Coupling(motion, 10.0, 0.3)],
        "joint regression": [UnitNorm(), Regression(speeds, 0.01, 0.1)],
    }

    def contestant(name: str, given: list[Any]) -> Contestant:
        def run(n: int) -> Factors:
            with nmfcore.threads.blas_in_one_thread():  # as the models do
                fit = nmfcore.nmf(work.V, W=work.W, H=work.H, penalties=given, n_iter=n, backend=backend)
            return list(zip(fit.W, fit.H, strict=True))

        return Contestant(name, run)

    return [contestant(name, given) for name, given in penalties.items()]


@pytest.mark.parametrize("rank", RANKS)
def test_iteration(
    rank: int,
    benchmark: Any,
    ceilings: Callable[[], dict[str, float]],
    write_result: Callable[[str, dict[str, Any]], None],
) -> None:
    what = f"models, one recording, 2049 × 430, K = {rank}"
    work = make(f"models-2049x430-k{rank}", what, 1.0, 2049, [430], rank)
    entries = contestants(work, nmfcore.backends.available()[0])
    ceilings()
    table, others = compete(entries, ROUNDS, benchmark)
    assert all(np.isfinite(table[entry.name]["iteration_s"]) for entry in entries)
    write_result(
        work.name,
        {
            "kind": "models",
            "what": work.what,
            "beta": work.beta,
            "ours": entries[0].name,
            "flops_per_iteration": work.flops(),
            "ceilings": ceilings(),
            "others_share_of_cpu": others,
            "contestants": table,
        },
    )
