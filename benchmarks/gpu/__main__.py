"""Checks, chooses forms, times: everything that is to be known about a GPU, in one run.

python -m benchmarks.gpu [--only NAME ...] [--no-tests] [--no-tune] [--emulated]
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import nmfcore
from nmfcore.backends import cuda
from nmfcore.models import learn_dictionary

from .. import machine
from ..contest import Contestant, clock, compare, plan
from ..nmf_programs import Workload, error, make, spectrogram
from . import tune
from .device import Device, ceilings, emulated, peak_bytes, real
from .programs import PRECISIONS, em_formulas, em_ours, formulas, ours, torchnmf

ROUNDS = 5
NO_GPU = (
    "make bench-gpu needs an NVIDIA GPU of compute capability 8.0 or newer and CuPy (pip install 'nmfcore[cuda]'); "
    "none was found. BENCH_ARGS=--emulated tries the programs without."
)


def workloads(tiny: bool) -> Iterator[tuple[Workload, bool]]:
    """Each with whether its error is worth the time of the float64 formulas on the processor."""

    def size(n: int) -> int:
        return max(6, n // 64) if tiny else n

    for count in (1, 2) if tiny else (1, 4, 16, 64, 256, 1024):
        what = f"KL, {count} clips, 513 × 313, K = 20"
        yield make(f"kl-clips-{count}", what, 1.0, size(513), [size(313)] * count, size(20)), count <= 16
    for beta, name in ((1.0, "kl"), (0.0, "is")):
        what = f"{name.upper()}, one recording, 2049 × 1300, K = 45"
        yield make(f"{name}-2049x1300-k45", what, beta, size(2049), [size(1300)], size(45)), True
    what = "IS, dictionary given (H only), 513 × 400, K = 320"
    yield make("is-fixed-513x400-k320", what, 0.0, size(513), [size(400)], size(320), free_w=False), True
    frames = [size(n) for n in np.random.default_rng(2).integers(60, 400, 16).tolist()]
    yield make("is-ragged-16", "IS, 16 at once, 513 × (60…400), K = 32", 0.0, size(513), frames, size(32)), True
    for beta in (0.0, 0.5, 1.0, 1.5, 2.0):
        what = f"β = {beta:g}, torchnmf's own size, 1025 × 5168, K = 88"
        yield make(f"beta{beta:g}-1025x5168-k88", what, beta, size(1025), [size(5168)], size(88)), True


def contest(entries: Sequence[Contestant], rounds: int) -> dict[str, dict[str, Any]]:
    """Time per iteration of every contestant, in every round once, in rotating order."""
    plans = [plan(entry) for entry in entries]
    samples: dict[str, list[float]] = {entry.name: [] for entry in entries}
    for turn in range(rounds):
        for one in plans[turn % len(plans) :] + plans[: turn % len(plans)]:
            samples[one.contestant.name].append(one.seconds())
    return compare(samples, entries[0].name)


def factorizations(device: Device, wanted: Callable[[str], bool], write: Callable[[str, Any], None]) -> None:
    """Workloads (a) to (d) and (f)."""
    for work, with_error in workloads(device.tiny):
        if not wanted(work.name):
            continue
        entries = [ours(work, device, precision) for precision in PRECISIONS]
        many = len(work.V) > 16  # the peers take one problem after the other: a few tell the rest
        peers = Workload(work.name, work.what, work.beta, work.V[:16], work.W[:16], work.H[:16], work.free_w)
        if not many:
            entries += [torchnmf(peers, device), formulas(peers, device, "cupy"), formulas(peers, device, "torch")]
        table = contest(entries, 1 if device.tiny else ROUNDS)
        for entry in entries:
            row = table[entry.name]
            row["tflops"] = work.flops() / row["iteration_s"] / 1e12
            row["fit_100_s"] = clock(entry.run, 100) if entry.longest >= 100 and not device.tiny else None
            row["error"] = error(work, entry) if with_error else None
            row["peak_bytes"] = peak_bytes(device, lambda run=entry.run: run(3))  # type: ignore[misc]
        write(work.name, {"what": work.what, "beta": work.beta, "flops_per_iteration": work.flops(),
                          "bytes_of_v": sum(v.nbytes for v in work.V), "contestants": table})  # fmt: skip


def recordings(device: Device, wanted: Callable[[str], bool], write: Callable[[str, Any], None]) -> None:
    """Workload (e): EM iterations of 2, 4 and 8 channels, one to 32 recordings at once."""
    bins, frames = (5, 9) if device.tiny else (513, 313)
    for channels in (2, 4, 8):
        for count in (1, 2) if device.tiny else (1, 8, 32):
            name = f"em-{channels}ch-{count}"
            if not wanted(name):
                continue
            rng = np.random.default_rng(0)
            shape = (count, channels, bins, frames)
            X = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)
            v = rng.gamma(0.5, size=(count, 2, bins, frames)).astype(np.float32) + np.float32(1e-3)
            mixing = rng.standard_normal((count, 2, bins, channels, 2 * channels)).view(complex)
            R = mixing @ np.conj(np.swapaxes(mixing, -1, -2)) + np.eye(channels)
            placed = [device.xp.asarray(one) for one in (X, v, R)]
            entries = [em_ours(*placed, device), em_formulas(*placed, device)]
            table = contest(entries, 1 if device.tiny else ROUNDS)
            truth = nmfcore.backends.get("reference").spatial_step(X[0].astype(complex), v[0].astype(float), R[0])[0]
            for entry in entries:
                got = entry.run(1)[0]
                table[entry.name]["error"] = float(np.linalg.norm(got - truth) / np.linalg.norm(truth))
                table[entry.name]["peak_bytes"] = peak_bytes(device, lambda run=entry.run: run(1))  # type: ignore[misc]
            what = f"EM, {count} recordings, {channels} channels, 2 sources, {bins} × {frames}"
            write(name, {"what": what, "bytes_of_x": X.nbytes, "contestants": table})


def separations(device: Device, wanted: Callable[[str], bool], write: Callable[[str, Any], None]) -> None:
    """Workload (g): one stereo separation from the spectrogram to the images, 15 EM × 10 MU; and 64 of them."""
    if not wanted("separate-stereo"):
        return
    bins, frames, patterns = (9, 20, 3) if device.tiny else (513, 313, 32)
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((2, bins, frames)) + 1j * rng.standard_normal((2, bins, frames))).astype(np.complex64)
    X *= np.sqrt(spectrogram(rng, bins, frames, 0.0))
    examples = {name: [spectrogram(rng, bins, frames, 0.0)] for name in ("speech", "noise")}
    dictionary = learn_dictionary(examples, patterns, n_iter=20, seed=0)
    R = np.stack([np.tile(np.eye(2) + c, (bins, 1, 1)) for c in (0.0, 0.5)])
    count = 2 if device.tiny else 64

    def separate(place: Callable[[Any], Any], backend: str, times: int) -> None:
        mixture = place(X)
        for _ in range(times):
            model = nmfcore.spatial.fit(
                mixture, dictionary=dictionary, variance_model="separation", R=R, n_iter=15, n_inner=10, seed=0,
                backend=backend,
            )  # fmt: skip
            nmfcore.spatial.wiener(mixture, model.v, model.R, backend=backend)
        device.synchronize()

    rows = {}
    for name, place, backend in (
        ("nmfcore cuda", device.xp.asarray, "cuda"),
        ("nmfcore processor", np.asarray, "auto"),
    ):
        separate(place, backend, 1)
        rows[name] = {
            "one_s": statistics.median(clock(lambda _, p=place, b=backend: separate(p, b, 1), 0) for _ in range(3)),  # type: ignore[misc]
            f"{count}_in_turn_s": clock(lambda _, p=place, b=backend: separate(p, b, count), 0),  # type: ignore[misc]
        }
    write("separate-stereo", {"what": f"stereo separation, 15 EM × 10 MU, {bins} × {frames}", "contestants": rows})


def sanitize() -> str:
    """compute-sanitizer over a few small cases, where it is installed."""
    tool = shutil.which("compute-sanitizer")
    if tool is None:
        return "compute-sanitizer is not installed"
    program = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "gpu",
        "-k",
        "test_gradient and float32",
        "tests/nmfcore/backends",
    ]
    for check in ("memcheck", "racecheck"):
        subprocess.run([tool, "--tool", check, "--error-exitcode", "9", *program], cwd=machine.ROOT, check=True)
    return "memcheck and racecheck found nothing"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", default=[], help="workloads whose name contains one of these")
    parser.add_argument("--no-tests", action="store_true", help="skip pytest -m gpu and compute-sanitizer")
    parser.add_argument("--no-tune", action="store_true", help="keep nmfcore/cuda/variants.json as it is")
    parser.add_argument("--emulated", action="store_true", help="a trial at tiny sizes without a GPU")
    parser.add_argument("--output", type=Path, default=machine.ROOT / "benchmarks" / "results")
    options = parser.parse_args()
    if not options.emulated and not cuda.present():
        print(NO_GPU, file=sys.stderr)
        return 1
    device = emulated() if options.emulated else real()
    checked = "not checked"
    if not options.no_tests and not options.emulated:
        subprocess.run([sys.executable, "-m", "pytest", "-q", "-m", "gpu"], cwd=machine.ROOT, check=True)
        checked = f"pytest -m gpu passed; {sanitize()}"
    if not options.no_tune:
        table = tune.tune(device)
        if not options.emulated:
            tune.write(table)
    rates = ceilings(device)
    print(f"{device.name}: " + ", ".join(f"{name} {rate:.1f}" for name, rate in rates.items()))

    def wanted(name: str) -> bool:
        return not options.only or any(part in name for part in options.only)

    def write(name: str, result: dict[str, Any]) -> None:
        for program, row in result["contestants"].items():
            time = row.get("iteration_s", row.get("one_s"))
            print(f"{name:26} {program:20} {1e3 * time:10.4f} ms   error {row.get('error')}")
        whole = {
            "name": f"gpu-{name}",
            "kind": "gpu",
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "device": device.name,
            "machine": machine.describe(),
            "kernel_sha256": machine.kernel_sha256(),
            "checked": checked,
            "ceilings": rates,
            **result,
        }
        options.output.mkdir(parents=True, exist_ok=True)
        path = options.output / f"gpu-{name}.json"
        path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    for part in (factorizations, recordings, separations):
        part(device, wanted, write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
