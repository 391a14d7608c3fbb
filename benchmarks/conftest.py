"""Fixtures of the benchmarks: thread pools of one size, the machine's ceilings, the writer of results."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from . import machine

# Before NumPy, torch and Numba start their pools.
machine.use_same_threads()

RESULTS = Path(__file__).resolve().parent / "results"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real recordings: $NMFCORE_DATA, else ../shared/data beside the repository."""
    folder = Path(os.environ.get("NMFCORE_DATA", machine.ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recordings in {folder}; set NMFCORE_DATA to the folder that holds them")
    return folder


@pytest.fixture
def ceilings() -> Callable[[], dict[str, float]]:
    """Measures the machine's rates; called before and after a workload, the better of both counts."""
    best: dict[str, float] = {}

    def measure() -> dict[str, float]:
        for name, rate in (("sgemm_gflops", machine.sgemm_gflops()), ("copy_gb_s", machine.copy_gb_s())):
            best[name] = max(rate, best.get(name, 0.0))
        return best

    return measure


@pytest.fixture(scope="session")
def write_result() -> Callable[[str, dict[str, Any]], None]:
    """Writes benchmarks/results/NAME.json with where, when and of which kernels it was measured."""

    def write(name: str, result: dict[str, Any]) -> None:
        RESULTS.mkdir(exist_ok=True)
        whole = {
            "name": name,
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "machine": machine.describe(),
            "kernel_sha256": machine.kernel_sha256(),
            **result,
        }
        path = RESULTS / f"{name}.json"
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        partial.replace(path)

    return write
