"""Chooses the forms of the kernels by measurement, and writes them to nmfcore/cuda/variants.json."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import nmfcore
from nmfcore import layout
from nmfcore.backends import cuda

from ..machine import ROOT
from .device import Device, seconds

LANES_AND_COLUMNS = [(lanes, columns) for lanes in (1, 2, 4, 8, 16, 32) for columns in (1, 2, 4)]
SPLIT_AND_GROUPS = [(1, 4), (1, 8), (2, 2), (2, 4), (3, 1), (3, 2), (4, 1), (4, 2), (6, 1), (8, 1)]


def tune(device: Device) -> dict[str, Any]:
    """The whole table, measured."""
    old = cuda.settings()
    table: dict[str, Any] = {"note": f"measured on {device.name}"}
    speed: dict[str, dict[int, float]] = {}
    families: list[tuple[str, Any, list[tuple[int, int]], Callable[[int, int, int], cuda.Variant]]] = [
        ("fp32", np.float32, LANES_AND_COLUMNS, lambda k, a, b: cuda.simt("float", k, a, b)),
        ("fp64", np.float64, LANES_AND_COLUMNS, lambda k, a, b: cuda.simt("double", k, a, b)),
        ("tensor", np.float32, SPLIT_AND_GROUPS, lambda k, a, b: cuda.tensor(3, k, a, b)),
    ]
    for family, dtype, candidates, form in families:
        table[family], speed[family] = [], {}
        for entry in old[family][: 2 if device.tiny else None]:
            rank, best = entry["rank"], {}
            for how, beta in (("one", 1.0), ("two", 0.0)):
                trials = [] if device.tiny else [one for one in candidates if fits(family, rank, *one)]
                times = {
                    pair: measure(device, form(rank, *pair), dtype, beta)
                    for pair in {*trials, (entry[how][0], entry[how][1])}
                }
                pair = min(times, key=lambda pair: times[pair])
                best[how] = list(pair)
                speed[family][rank] = times[pair]
            table[family].append({"rank": rank, **best})
    faster = [rank for rank, time in speed["tensor"].items() if time < speed["fp32"].get(rank, np.inf)]
    table["tensor_from_rank"] = min(faster, default=1 << 30)
    table["products_from_entries"] = old["products_from_entries"]
    table["gpu_from_multiply_adds"] = old["gpu_from_multiply_adds"] if device.tiny else crossover(device)
    return table


def fits(family: str, rank: int, first: int, second: int) -> bool:
    """Whether the rank divides so, with registers to spare."""
    if family == "tensor":
        return rank % (8 * first) == 0 and rank // first <= 48
    vector = 4 if family == "fp32" else 2
    return rank % (vector * first) == 0 and rank // first * second * (1 if family == "fp32" else 2) <= 64


def measure(device: Device, variant: cuda.Variant, dtype: Any, beta: float) -> float:
    """Seconds for one half iteration of a batch that fills the device, by one form alone."""
    launcher = cuda.backend().launcher
    count, f, n = (1, 40, 20) if device.tiny else (64, 513, 313)
    if variant.shared > launcher.shared_limit:
        return np.inf
    table = layout.make_table([(f, n)] * count, [variant.rank] * count)
    V, Wt, H = (
        device.xp.asarray(np.random.default_rng(0).uniform(0.5, 1, count * size).astype(dtype))
        for size in (f * n, variant.rank * f, variant.rank * n)
    )
    engine = OneForm(launcher, variant)
    half = layout.Half(table, V, Wt, H, beta, np.full(count, 1e-12))
    return seconds(device, lambda: engine.update(half, 0.5))


class OneForm(cuda.Cuda):
    """The backend with a single form of its kernel."""

    def __init__(self, launcher: cuda.Launcher, variant: cuda.Variant) -> None:
        super().__init__(launcher)
        self.variant = variant

    def forms(self, dtype: Any, two: bool, precision: str) -> list[cuda.Variant]:
        return [self.variant]


def crossover(device: Device) -> float:
    """Multiply-adds from which host data is done faster on the device than on the processor, there and back."""
    for frames in (50, 100, 200, 400, 800, 1600, 3200):
        V = np.random.default_rng(0).random((513, frames), np.float32)

        def fit(backend: str, V: Any = V) -> Any:
            return nmfcore.nmf(V, 20, n_iter=50, seed=0, backend=backend)

        cpu, gpu = (seconds(device, partial(fit, one), 3) for one in (nmfcore.backends.available()[0], "cuda"))
        if gpu < cpu:
            return 50.0 * 513 * frames * 20
    return 1e30


def write(table: dict[str, Any]) -> None:
    """Over the table that the package reads."""
    path = ROOT / "nmfcore" / "cuda" / "variants.json"
    path.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    cuda.settings.cache_clear()
