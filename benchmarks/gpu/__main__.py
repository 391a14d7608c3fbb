"""Checks, chooses forms, times: everything that is to be known about a GPU, in one run or part by part.

python -m benchmarks.gpu [check] [tune] [factorizations] [recordings] [separations] [--only NAME ...] [--emulated]
"""

import argparse
import json
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nmfcore.backends import cuda

from .. import machine
from . import parts, tune
from .checks import check
from .compiling import everything, prepare
from .device import ceilings, emulated, real, software

MEASURED = {
    "factorizations": parts.factorizations,
    "recordings": parts.recordings,
    "separations": parts.separations,
}
NO_GPU = (
    "make bench-gpu needs an NVIDIA GPU of compute capability 8.0 or newer and CuPy (pip install 'nmfcore[cuda]'); "
    "none was found. BENCH_ARGS=--emulated tries the programs without."
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=f"check, tune, {', '.join(MEASURED)}; all by default")
    parser.add_argument("--only", nargs="*", default=[], help="workloads whose name contains one of these")
    parser.add_argument("--emulated", action="store_true", help="a trial at tiny sizes without a GPU")
    parser.add_argument("--output", type=Path, default=machine.ROOT / "benchmarks" / "results")
    options = parser.parse_args()
    chosen = options.parts or ["check", "tune", *MEASURED]
    if unknown := set(chosen) - {"check", "tune", *MEASURED}:
        parser.error(f"{', '.join(sorted(unknown))}: no such part")
    if not options.emulated and not cuda.present():
        print(NO_GPU, file=sys.stderr)
        return 1
    device = emulated() if options.emulated else real()
    common: dict[str, Any] = {"kind": "gpu", "date": datetime.now(UTC).strftime("%Y-%m-%d"), "device": device.name}
    if not device.tiny:
        prepare(everything(cuda.backend().launcher.shared_limit))
    if "check" in chosen and not device.tiny:
        common["checked"] = check()
    if "tune" in chosen:
        tune.tune(device)
    if not set(chosen) & set(MEASURED):
        return int("failed" in str(common.get("checked")))

    rates = ceilings(device)
    print(f"{device.name}: " + ", ".join(f"{name} {rate:.1f}" for name, rate in rates.items()), flush=True)
    common |= {"machine": machine.describe(), "software": software(device), "ceilings": rates}
    failed = []
    for part in chosen:
        for name, measure in MEASURED[part](device, rates) if part in MEASURED else ():
            if options.only and not any(piece in name for piece in options.only):
                continue
            try:
                result = measure()
            except Exception:  # the rest shall be measured all the same
                traceback.print_exc()
                failed.append(name)
                continue
            write(options.output, name, common | {"kernel_sha256": machine.kernel_sha256("gpu")} | result)
    if failed:
        print(f"not measured: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed) or "failed" in str(common.get("checked")))


def write(folder: Path, name: str, result: dict[str, Any]) -> None:
    """One workload's result, on disk as soon as it is known, and as lines to read along."""
    for program, row in result["contestants"].items():
        if "absent" in row:
            print(f"{name:26} {program:20} absent: {row['absent']}", flush=True)
            continue
        time = row.get("iteration_s", row.get("one_s"))
        ceiling = f"   {100 * row['of_ceiling']:.0f} % of the ceiling" if "of_ceiling" in row else ""
        print(f"{name:26} {program:20} {1e3 * time:10.4f} ms   error {row.get('error')}{ceiling}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"gpu-{name}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"name": f"gpu-{name}"} | result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
