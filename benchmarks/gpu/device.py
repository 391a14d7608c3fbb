"""The device under measurement: a real one, or the emulated one at tiny sizes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmfcore.backends import cuda


@dataclass(frozen=True)
class Device:
    """What the programs need to know of where they run.

    Attributes:
        xp: the module of its arrays.
        torch: what torch calls it.
        name: for the results.
        synchronize: waits for everything that was launched.
        memory: bytes in use and reserved so far by the array module, or None.
        tiny: sizes for a trial.
    """

    xp: Any
    torch: str
    name: str
    synchronize: Callable[[], None]
    memory: Callable[[], int] | None
    tiny: bool


def real() -> Device:
    """The current GPU."""
    import cupy

    pool = cupy.get_default_memory_pool()
    return Device(cupy, "cuda", cuda.device_name() or "", cupy.cuda.Device().synchronize, pool.total_bytes, False)


def emulated() -> Device:
    """The emulated device in the place of the real one, for this process."""
    from nmfcore.cuda import emulated_arrays
    from nmfcore.cuda.emulation import EmulatedLauncher

    engines: dict[str, cuda.Cuda] = {}
    cuda.present = lambda: True  # type: ignore[assignment]
    cuda.backend = lambda precision="auto": engines.setdefault(  # type: ignore[assignment]
        precision, cuda.Cuda(EmulatedLauncher(), precision)
    )
    return Device(emulated_arrays, "cpu", "emulated", lambda: None, None, True)


def seconds(device: Device, work: Callable[[], Any], repeats: int = 5) -> float:
    """The shortest of several runs, from an idle device to an idle device."""
    work()
    best = float("inf")
    for _ in range(repeats):
        device.synchronize()
        start = time.perf_counter()
        work()
        device.synchronize()
        best = min(best, time.perf_counter() - start)
    return best


def ceilings(device: Device) -> dict[str, float]:
    """Rates that nothing on this device exceeds: copying, and matrix products in float32 and tf32 (by torch)."""
    import torch

    n, words = (64, 1 << 12) if device.tiny else (8192, 1 << 28)
    source = device.xp.asarray(np.zeros(words, np.float32))
    found = {"copy_gb_s": 8 * words / seconds(device, source.copy) / 1e9}
    a = torch.ones((n, n), device=device.torch)
    for name, precision in (("fp32_tflops", "highest"), ("tf32_tflops", "high")):
        torch.set_float32_matmul_precision(precision)
        found[name] = 2 * n**3 / seconds(device, lambda: a @ a) / 1e12
    torch.set_float32_matmul_precision("highest")
    found["l2_mb"] = 0.0 if device.tiny else device.xp.cuda.Device().attributes["L2CacheSize"] / 1e6
    return found


def binding(rates: dict[str, float], precision: str, flops: float, moved: int) -> float:
    """Seconds that nothing goes below: the multiply-adds at the rate of that precision, or V read from memory.

    A V that the cache holds is not read from memory again in every half of an iteration.
    """
    rate = rates["fp32_tflops"] if precision == "fp32" else rates["tf32_tflops"] / (3 if precision == "tf32x3" else 1)
    read = moved / (rates["copy_gb_s"] * 1e9) if moved / 2e6 > rates["l2_mb"] else 0.0
    return max(flops / (rate * 1e12), read)


def software(device: Device) -> dict[str, Any]:
    """Versions of what stands between the kernels and the device."""
    import torch

    found: dict[str, Any] = {"torch_cuda": torch.version.cuda}
    if not device.tiny:
        found["cupy"] = device.xp.__version__
        found["driver"] = device.xp.cuda.runtime.driverGetVersion()
        found["nvrtc"] = device.xp.cuda.nvrtc.getVersion()
    return found


def peak_bytes(device: Device, work: Callable[[], Any]) -> int | None:
    """Device memory that a call needs at its peak, as far as the pools of CuPy and torch show it."""
    if device.memory is None:
        return None
    import torch

    device.xp.get_default_memory_pool().free_all_blocks()
    torch.cuda.empty_cache()
    before = device.memory() + torch.cuda.memory_reserved()
    work()
    return device.memory() + torch.cuda.memory_reserved() - before
