"""Fixtures for the numerical tests: every set of kernels, and random numbers whose seed a failure shows."""

import os
from collections.abc import Iterator

import numpy as np
import pytest

from nmfcore import backends
from nmfcore.backends.cuda import Cuda
from nmfcore.cuda.emulation import EmulatedLauncher

EMULATED = ("fp32", "tf32x3")  # the CUDA kernels without a GPU


def kernel_sets() -> list[str]:
    """Every backend but the oracle; the compiled one once for each instruction set of this processor."""
    found = []
    for name in backends.available():
        if name == "native":
            engine: object = backends.get(name)
            found += [f"native:{instructions}" for instructions in engine.instruction_sets()]  # type: ignore[attr-defined]
        elif name != "reference":
            found.append(name)
    return [*found, *(f"emulated:{precision}" for precision in EMULATED)]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tensor cores take float32 alone: the other kernels are the same for every precision, and tested once."""

    def again(item: pytest.Item) -> bool:
        given = getattr(item, "callspec", None)
        if given is None or not str(given.params.get("engine", "")).endswith(":tf32x3"):
            return False
        return given.params.get("dtype") is np.float64 or item.path.name == "test_spatial.py"

    config.hook.pytest_deselected(items=[item for item in items if again(item)])
    items[:] = [item for item in items if not again(item)]


@pytest.fixture(params=kernel_sets())
def engine(request: pytest.FixtureRequest) -> Iterator[backends.Backend]:
    """Each set of kernels that is to be compared with the float64 reference."""
    name, _, instructions = request.param.partition(":")
    if not instructions:
        yield backends.get(name)
        return
    if name == "emulated":
        yield Cuda(EmulatedLauncher(), instructions)
        return
    from nmfcore import _native

    before = _native.instruction_set()
    _native.use_instruction_set(instructions)
    yield backends.get(name)
    _native.use_instruction_set(before)


@pytest.fixture
def rng() -> np.random.Generator:
    """Fresh numbers in every run; set NMFCORE_TEST_SEED to what a failure printed to repeat it."""
    seed = int(os.environ.get("NMFCORE_TEST_SEED", np.random.SeedSequence().generate_state(1)[0]))
    print(f"NMFCORE_TEST_SEED={seed}")
    return np.random.default_rng(seed)
