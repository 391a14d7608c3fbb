"""Compiles kernels ahead of their first use, in all processors' time: one after the other they take minutes."""

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

import numpy as np

from nmfcore.backends import cuda
from nmfcore.backends.cuda_launcher import module

Form = tuple[str, Mapping[str, Any]]  # a file of nmfcore/cuda and the constants that it is compiled with
TWO_SUMS = ("KL_WEIGHTED", "IS", "EUCLIDEAN", "ROOT", "GENERAL")
CHANNELS = {1: 128, 2: 128, 3: 128, 4: 128, 5: 64, 6: 64, 7: 64, 8: 64, 9: 32}  # and threads


def prepare(forms: Iterable[Form]) -> None:
    """Bring forms into CuPy's cache on disk. What does not compile is told, and fails again where it is used."""
    unique = list({str(form): form for form in forms}.values())
    workers = min(os.cpu_count() or 1, len(unique), 16)
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            for (file, constants), problem in zip(unique, pool.map(_compile, unique), strict=True):
                if problem:
                    print(f"{file} {dict(constants)} does not compile: {problem}", flush=True)
    except BrokenProcessPool as error:  # what is missing is compiled at its first use
        print(f"compiling ahead ended early: {error}", flush=True)


def _compile(form: Form) -> str:
    try:
        module(*form).compile()
    except Exception as error:  # the compiler's complaint, or a device that has no room for another process
        return f"{type(error).__name__}: {error}"[:2000]
    return ""


def everything(shared_limit: int) -> Iterator[Form]:
    """All that the table of variants offers, for every divergence, and the kernels beside them."""
    for dtype in (np.float32, np.float64):
        for precision in ("fp32", "tf32x3", "tf32") if dtype is np.float32 else ("fp32",):
            for kind in ("KL", *(TWO_SUMS if precision != "tf32" else ("IS",))):
                for one in cuda.variants(np.dtype(dtype), kind != "KL", precision, shared_limit):
                    yield one.file, {**one.constants, "KIND": kind}
    for real in ("float", "double"):
        for kind in ("KL", *TWO_SUMS):
            yield "finish.cu", {"REAL": real, "KIND": kind}
    for channels, threads in CHANNELS.items():
        for wide in (0, 1):
            yield "spatial.cu", {"CH": channels, "THREADS": threads, "WIDE": wide}
