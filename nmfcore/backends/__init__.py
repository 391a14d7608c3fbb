"""Backends: a handful of primitives over batches, each in one file; everything above is written once for all.

`reference` is NumPy in float64 and the oracle of every test, `native` the compiled kernels, `jit` the Numba
kernels that take over where no compiler was, `cuda` the kernels for NVIDIA GPUs (``"cuda:fp32"``, ``"cuda:tf32x3"``
and ``"cuda:tf32"`` choose its precision). See :class:`Backend` for what a backend offers.
"""

import warnings
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from nmfcore.backends import cuda
from nmfcore.backends.base import Backend
from nmfcore.layout import on_device

__all__ = ["Backend", "available", "for_job", "get"]

PREFERENCE = ("native", "jit", "reference")
_warned = False


def available() -> list[str]:
    """Names of the backends that work here, the preferred one for the CPU first.

    >>> "reference" in available()
    True
    """
    found = _for_cpu()
    return [*found[:-1], *(["cuda"] if cuda.present() else []), found[-1]]


@cache  # a search of the disk
def _for_cpu() -> tuple[str, ...]:
    """Asks for no GPU: that would import CuPy."""
    needs = {"native": "nmfcore._native", "jit": "numba", "reference": "numpy"}
    return tuple(name for name in PREFERENCE if find_spec(needs[name]) is not None)


def get(name: str = "auto", device: str = "auto", data: Any = None) -> Backend:
    """The backend of that name; `"auto"` is the fastest one on the device, and the device is where `data` is."""
    global _warned
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device={device!r} is not known; use 'auto', 'cpu' or 'cuda'.")
    kind, _, precision = str(name).partition(":")
    if kind == "cuda" or (name == "auto" and (device == "cuda" or (device == "auto" and on_device(data)))):
        if device == "cpu":
            raise ValueError(f"backend={name!r} does not work on device='cpu'; leave one of them out.")
        if not cuda.present():
            raise ValueError(
                f"{'backend' if kind == 'cuda' else 'device'}={name if kind == 'cuda' else device!r} is not available: "
                "CuPy finds no NVIDIA GPU of compute capability 8.0 or newer. Install nmfcore[cuda] on a machine that "
                "has one, or use device='cpu'."
            )
        return cuda.backend(precision or "auto")
    if device == "cuda":
        raise ValueError(f"backend={name!r} works on the CPU; with device='cuda' leave it out.")
    found = _for_cpu()
    if name == "auto":
        name = found[0]
        if name != "native" and not _warned:
            _warned = True
            warnings.warn(
                f"nmfcore was installed without its compiled kernels, so {name!r} is used, which is several times "
                "slower; install a C++ compiler and reinstall to get them.",
                RuntimeWarning,
                stacklevel=3,
            )
    if name not in found:
        raise ValueError(f"backend={name!r} is not available here; found: {available()}.")
    module: Any = import_module(f"nmfcore.backends.{name}")
    backend: Backend = module.BACKEND
    return backend


def for_job(engine: Backend, multiply_adds: float) -> Backend:
    """The same backend, or the one of a GPU that is present where so much work is done faster there."""
    if multiply_adds >= cuda.settings()["gpu_from_multiply_adds"] and cuda.present():
        return cuda.backend()
    return engine
