"""How the time of an iteration grows with the sizes of the problem: F, N, K, the batch and the channels."""

from collections.abc import Callable
from typing import Any

import pytest

import nmfcore

from .contest import Contestant, compete
from .nmf_programs import Workload, make, ours, scikit_learn, torchnmf
from .test_em_iteration import fastmnmf2, mixture
from .test_em_iteration import ours as em

ROUNDS = 3


def clip(f: int = 513, n: int = 313, k: int = 20, count: int = 1) -> Workload:
    return make("", "", 1.0, f, [n] * count, k)


AXES: dict[str, tuple[str, list[int], Callable[[int], Workload]]] = {
    "f": ("bins F", [65, 129, 257, 513, 1025, 2049, 4097], lambda size: clip(f=size)),
    "n": ("frames N", [40, 80, 160, 313, 626, 1252, 2504, 5008], lambda size: clip(n=size)),
    "k": ("components K", [2, 5, 10, 20, 40, 80, 160, 320, 640], lambda size: clip(k=size)),
    "b": ("clips in the batch", [1, 4, 16, 64, 256, 1024], lambda size: clip(count=size)),
}


def measure(entries: list[Contestant]) -> dict[str, float]:
    table, _ = compete(entries, ROUNDS)
    return {name: row["iteration_s"] for name, row in table.items()}


@pytest.mark.parametrize("axis", [*AXES, "i"])
def test_growth(
    axis: str,
    ceilings: Callable[[], dict[str, float]],
    write_result: Callable[[str, dict[str, Any]], None],
) -> None:
    fastest = nmfcore.backends.available()[0]
    points = []
    ceilings()
    if axis == "i":
        label, what = "channels I", "EM, 2 sources, 513 × 313"
        for size in (2, 3, 4, 6, 8, 12):
            X, R = mixture(size)
            seconds = measure([em(X, R, "free", fastest), fastmnmf2(X)])
            points.append({"size": size, "seconds": seconds})
    else:
        label, sizes, workload = AXES[axis]
        what = "KL, around 513 × 313, K = 20"
        for size in sizes:
            work = workload(size)
            entries = [ours(work, fastest), scikit_learn(work), torchnmf(work)]
            points.append({"size": size, "flops": work.flops(), "seconds": measure(entries)})
    assert all(seconds > 0 for point in points for seconds in point["seconds"].values())
    write_result(
        f"growth-{axis}",
        {"kind": "growth", "axis": label, "what": what, "points": points, "ceilings": ceilings()},
    )
