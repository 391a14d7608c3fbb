"""Compiles every form of the CUDA kernels with nvcc, and fails where one keeps registers in memory."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np

from nmfcore.backends.cuda import variants
from nmfcore.cuda import FOLDER

# Bytes that are known and accepted: many channels need more doubles than a thread has registers.
ALLOWED = {("spatial.cu", 6): 8, ("spatial.cu", 8): 600}


def compiled(file: str, constants: dict[str, object], arch: str) -> tuple[str, int]:
    """What was compiled, and the bytes that it spills."""
    defines = [f"-D{key}={value}" for key, value in constants.items()]
    command = [
        "nvcc",
        "-std=c++17",
        "-O3",
        "-ftz=true",
        f"-arch={arch}",
        "-Xptxas",
        "-v",
        "-cubin",
        "-o",
        "/dev/null",
        *defines,
    ]
    done = subprocess.run([*command, str(FOLDER / file)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{file} {' '.join(defines)}\n{done.stderr}")
    spilled = sum(int(n) for n in re.findall(r"(\d+) bytes spill stores", done.stderr))
    allowed = ALLOWED.get((file, constants.get("CH")), 0)  # type: ignore[call-overload]
    return f"{arch} {file} {' '.join(defines)}: {spilled} bytes", max(0, spilled - allowed)


def main() -> None:
    """Every form in the table, one or two sums, and the spatial kernels, for the architectures named."""
    jobs = []
    for dtype, two in product((np.float32, np.float64), (False, True)):
        for precision in ("fp32", "tf32x3") if dtype is np.float32 else ("fp32",):
            for form in variants(np.dtype(dtype), two, precision, 227 * 1024):
                jobs += [(form.file, {**form.constants, "KIND": kind}) for kind in (("IS", "ROOT") if two else ("KL",))]
    jobs += [("spatial.cu", {"CH": n, "THREADS": 128 if n <= 4 else 64, "WIDE": 0}) for n in (1, 2, 3, 4, 5, 6, 8)]
    jobs += [("finish.cu", {"REAL": real, "KIND": "GENERAL"}) for real in ("float", "double")]
    unique = list({str(job): job for job in jobs}.values())
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda job: compiled(*job[0], job[1]), product(unique, sys.argv[1:] or ["sm_90"])))
    worst = [text for text, spilled in results if spilled]
    if worst:
        sys.exit("\n".join(["registers are kept in memory:", *worst]))
    print(f"{len(results)} kernels compiled, none spills beyond what is accepted")


if __name__ == "__main__":
    main()
