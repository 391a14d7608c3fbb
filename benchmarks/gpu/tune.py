"""Chooses the forms of the kernels by measurement, and writes them to nmfcore/cuda/variants.json."""

import copy
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import nmfcore
from nmfcore import layout
from nmfcore.backends import cuda
from nmfcore.cuda import FOLDER

from ..machine import ROOT
from .compiling import prepare
from .device import Device, seconds

LANES_AND_COLUMNS = [(lanes, columns) for lanes in (1, 2, 4, 8, 16, 32) for columns in (1, 2, 4)]
SUMS = {"one": 1.0, "two": 0.0}  # the sums that a form makes, and a divergence that needs them
SPLIT_AND_GROUPS = [(1, 4), (1, 8), (2, 2), (2, 4), (3, 1), (3, 2), (4, 1), (4, 2), (6, 1), (8, 1)]


def tune(device: Device) -> dict[str, Any]:
    """The whole table, measured; on a real device written over the package's after every rank, and used at once."""
    table = copy.deepcopy(cuda.settings())
    table["note"] = f"measured on {device.name}"
    speed: dict[str, dict[int, float]] = {}
    families: list[tuple[str, Any, list[tuple[int, int]], Callable[[int, int, int], cuda.Variant]]] = [
        ("fp32", np.float32, LANES_AND_COLUMNS, lambda k, a, b: cuda.simt("float", k, a, b)),
        ("tensor", np.float32, SPLIT_AND_GROUPS, lambda k, a, b: cuda.tensor(3, k, a, b)),
        ("fp64", np.float64, LANES_AND_COLUMNS, lambda k, a, b: cuda.simt("double", k, a, b)),
    ]
    for family, dtype, candidates, form in families:
        speed[family] = {}
        entries = table[family][: 2 if device.tiny else None]
        trials = {entry["rank"]: {tuple(entry[how]) for how in SUMS} for entry in entries}
        if not device.tiny:
            for rank, pairs in trials.items():
                pairs |= {one for one in candidates if fits(family, rank, *one)}
            forms = [form(rank, *pair) for rank, pairs in trials.items() for pair in sorted(pairs)]
            prepare((one.file, {**one.constants, "KIND": kind}) for one in forms for kind in ("KL", "IS"))
        for entry in entries:
            rank = entry["rank"]
            batch = data(device, rank, dtype)
            for how, beta in SUMS.items():
                times = {pair: measure(device, form(rank, *pair), batch, beta) for pair in sorted(trials[rank])}
                pair = min(times, key=lambda pair: times[pair])
                entry[how] = list(pair)
                speed[family][rank] = times[pair]
            print(f"{family} rank {rank}: {entry['one']} {entry['two']} {1e3 * speed[family][rank]:.3f} ms", flush=True)
            write(device, table)
        if family == "tensor":
            faster = [rank for rank, time in speed["tensor"].items() if time < speed["fp32"].get(rank, np.inf)]
            table["tensor_from_rank"] = min(faster, default=1 << 30)
    if not device.tiny:
        table["gpu_from_multiply_adds"] = crossover(device)
    write(device, table)
    return table


def fits(family: str, rank: int, first: int, second: int) -> bool:
    """Whether the rank divides so, with registers to spare."""
    if family == "tensor":
        return rank % (8 * first) == 0 and rank // first <= 48
    vector = 4 if family == "fp32" else 2
    return rank % (vector * first) == 0 and rank // first * second * (1 if family == "fp32" else 2) <= 64


def data(device: Device, rank: int, dtype: Any) -> layout.Half:
    """Half an iteration of a batch that fills the device."""
    count, f, n = (1, 40, 20) if device.tiny else (64, 513, 313)
    table = layout.make_table([(f, n)] * count, [rank] * count)
    V, Wt, H = (
        device.xp.asarray(np.random.default_rng(0).uniform(0.5, 1, count * size).astype(dtype))
        for size in (f * n, rank * f, rank * n)
    )
    return layout.Half(table, V, Wt, H, 1.0, np.full(count, 1e-12))


def measure(device: Device, variant: cuda.Variant, half: layout.Half, beta: float) -> float:
    """Seconds for one half iteration by one form alone; infinite for a form that the device cannot run."""
    launcher = cuda.backend().launcher
    if variant.shared > launcher.shared_limit:
        return np.inf
    engine, half = OneForm(launcher, variant), half._replace(beta=beta, H=half.H.copy())
    try:
        return seconds(device, lambda: engine.update(half, 0.5))
    except RuntimeError as error:  # CuPy's: too many registers for a launch, say
        print(f"{variant.file} {variant.constants}: {error}", flush=True)
        return np.inf


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


def write(device: Device, table: dict[str, Any]) -> None:
    """Over the table of this tree and that of the package in use, which may be installed elsewhere."""
    if device.tiny:
        return
    for folder in {ROOT / "nmfcore" / "cuda", FOLDER}:
        partial = folder / "variants.partial"
        partial.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
        partial.replace(folder / "variants.json")
    cuda.settings.cache_clear()
