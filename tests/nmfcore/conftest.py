"""Fixtures for the numerical tests: every set of kernels, and random numbers whose seed a failure shows."""

import inspect
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nmfcore import backends, layout
from nmfcore.backends.cuda import Cuda
from nmfcore.cuda.emulation import EmulatedLauncher

PRECISE = ("fp32", "tf32x3")  # of the CUDA kernels: as good as float32 is


def kernel_sets() -> list[Any]:
    """Every backend but the oracle; the compiled one once for each instruction set of this processor."""
    found = []
    for name in backends.available():
        if name == "native":
            engine: object = backends.get(name)
            found += [f"native:{instructions}" for instructions in engine.instruction_sets()]  # type: ignore[attr-defined]
        elif name == "cuda":
            found += [pytest.param(f"cuda:{precision}", marks=pytest.mark.gpu) for precision in PRECISE]
        elif name != "reference":
            found.append(name)
    return [*found, *(f"emulated:{precision}" for precision in PRECISE)]


class OnDevice:
    """The CUDA backend for host arrays: to the device and back around every call, in place where it is in place."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.name = engine, engine.name

    def __getattr__(self, primitive: str) -> Any:
        method, moved = getattr(self.engine, primitive), {}

        def up(value: Any) -> Any:
            if not isinstance(value, np.ndarray):
                return value
            return moved.setdefault(id(value), (value, self.engine.xp.asarray(value)))[1]

        def lifted(half: layout.Half) -> layout.Half:
            moving = ("V", "Wt", "H", "weights", "last")
            return half._replace(**{name: up(getattr(half, name)) for name in moving})

        def down(value: Any) -> Any:
            return layout.host(value) if layout.on_device(value) else value

        def call(*given: Any) -> Any:
            moved.clear()
            bound = inspect.signature(method).bind(*given).arguments
            for name, value in bound.items():
                if name == "half":
                    bound[name] = lifted(value)
                elif name == "halves":
                    bound[name] = [lifted(half) for half in value]
                elif name not in ("table", "floor", "momentum"):
                    bound[name] = up(value)
            result = method(**bound)
            for here, there in moved.values():
                if here.flags.writeable:
                    here[...] = there.get()
            return tuple(map(down, result)) if isinstance(result, tuple) else down(result)

        return call


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what would be tested twice: tensor cores take float32 alone; and processors' caches on the device."""

    def again(item: pytest.Item) -> bool:
        given = getattr(item, "callspec", None)
        engine = "" if given is None else str(given.params.get("engine", ""))
        if engine.startswith("emulated") and ("larger_than_the_cache" in item.name or "compressed" in item.path.name):
            return True  # there is no emulation of CuPy's sparse matrices
        return engine.endswith(":tf32x3") and (
            given.params.get("dtype") is np.float64 or item.path.name == "test_spatial.py"
        )

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
        yield OnDevice(Cuda(EmulatedLauncher(), instructions))
        return
    if name == "cuda":
        yield OnDevice(backends.get(request.param))
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
