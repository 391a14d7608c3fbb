"""What nmfcore finds on this machine."""

import os
import platform
from typing import Any


def info() -> dict[str, Any]:
    """Versions, backends found, instruction sets and threads, as plain values.

    >>> sorted(info())
    ['backends', 'gpu', 'gpu_from', 'instruction_sets', 'machine', 'nmfcore', 'numpy', 'python', 'threads']
    """
    import numpy as np

    import nmfcore
    from nmfcore import backends
    from nmfcore.backends import cuda

    found = backends.available()
    native: Any = backends.get("native") if "native" in found else None
    return {
        "nmfcore": nmfcore.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "backends": found,
        "instruction_sets": [] if native is None else native.instruction_sets(),
        "gpu": cuda.device_name() or "none found",
        # Below so many multiply-adds (F × N × K × iterations) data in host memory stays on the processor.
        "gpu_from": f"{cuda.settings()['gpu_from_multiply_adds']:.0e} multiply-adds",
        "threads": (os.cpu_count() or 1) if native is None else native.threads(),
    }
