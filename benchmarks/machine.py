"""The machine: what it is, and the two ceilings that kernels are held against, measured when asked."""

import hashlib
import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
THREADS = int(os.environ.get("NMFCORE_BENCH_THREADS", len(os.sched_getaffinity(0))))
KERNELS = {
    "cpu": ("nmfcore/native/**/*", "nmfcore/backends/jit*.py"),
    "gpu": ("nmfcore/cuda/*.cu", "nmfcore/cuda/*.cuh", "nmfcore/cuda/variants.json"),
}
PACKAGES = (
    "nmfcore",
    "numpy",
    "scipy",
    "numba",
    "scikit-learn",
    "torch",
    "torchnmf",
    "ssspy",
    "pyroomacoustics",
    "museval",
)


def use_same_threads() -> None:
    """Tell every thread pool its size, before any of them is loaded."""
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "BLIS"):
        os.environ[f"{name}_NUM_THREADS"] = str(THREADS)


def cpu() -> str:
    """The processor's model name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def versions() -> dict[str, str]:
    """Versions of Python and of every package that takes part; absent ones are left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def blas() -> str | None:
    """NumPy's library of matrix products, and the processor that it takes its kernels for; None where it is silent."""
    import numpy as np
    from threadpoolctl import threadpool_info

    home = Path(np.__file__).parent.parent
    for pool in threadpool_info():
        if pool["user_api"] == "blas" and Path(pool["filepath"]).parent in (
            home / "numpy.libs",
            home / "numpy/.dylibs",
        ):
            return f"{pool['internal_api']} {pool['version']}, {pool.get('architecture')} kernels"
    return None


def kernel_sha256(device: str = "cpu") -> str:
    """A hash of the sources of a device's kernels, so that a result can be told from one of older kernels."""
    total = hashlib.sha256()
    files = {path for pattern in KERNELS[device] for path in ROOT.glob(pattern) if path.is_file()}
    for path in sorted(files):
        if "__pycache__" in path.parts:
            continue
        total.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        total.update(path.read_bytes() + b"\0")
    return total.hexdigest()


def describe() -> dict[str, Any]:
    """What a reader of a result needs to know about where it was measured."""
    return {
        "cpu": cpu(),
        "threads": THREADS,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
        "blas": blas(),
    }


def cpu_seconds() -> tuple[float, float]:
    """CPU time used since boot by everybody, and by this process with its children; zeros if unknown."""
    try:
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    except OSError:
        return 0.0, 0.0
    idle = fields[3] + fields[4]
    return (sum(fields[:8]) - idle) / os.sysconf("SC_CLK_TCK"), sum(os.times()[:4])


def others_share(before: tuple[float, float], after: tuple[float, float], seconds: float) -> float:
    """The share of the machine that other programs took between two `cpu_seconds()`: 0 is a quiet machine."""
    everybody, own = (b - a for a, b in zip(before, after, strict=True))
    return max(everybody - own, 0.0) / (seconds * (os.cpu_count() or 1))


def sgemm_gflops(n: int = 2048, seconds: float = 0.6) -> float:
    """The best rate of float32 matrix products n × n × n by NumPy's BLAS, in GFLOP/s."""
    import numpy as np

    a, b = np.random.default_rng(0).random((2, n, n), dtype=np.float32)
    c = np.empty_like(a)
    np.matmul(a, b, out=c)
    best, begin = float("inf"), time.perf_counter()
    while time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        np.matmul(a, b, out=c)
        best = min(best, time.perf_counter() - start)
    return 2 * n**3 / best / 1e9


def copy_gb_s(megabytes: int = 256, repeats: int = 8) -> float:
    """The best rate of copying memory with all threads, bytes read plus bytes written, in GB/s."""
    import numpy as np

    source = np.ones(megabytes * 1024 * 1024 // 4, np.float32)
    target = np.empty_like(source)
    parts = list(zip(np.array_split(source, THREADS), np.array_split(target, THREADS), strict=True))
    best = float("inf")
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(repeats):
            start = time.perf_counter()
            list(pool.map(lambda pair: np.copyto(pair[1], pair[0]), parts))
            best = min(best, time.perf_counter() - start)
    return 2 * source.nbytes / best / 1e9
