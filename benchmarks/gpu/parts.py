"""What is measured on a GPU: factorizations, EM on recordings, whole separations; each beside its peers."""

import statistics
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

import nmfcore
from nmfcore.models import learn_dictionary

from ..contest import Contestant, Plan, clock, compare, plan
from ..nmf_programs import Workload, error, make, spectrogram
from .device import Device, binding, peak_bytes, seconds
from .programs import PRECISIONS, em_formulas, em_ours, formulas, ours, sweeps, torchnmf

ROUNDS = 5
Table = dict[str, dict[str, Any]]


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


def contest(makers: Mapping[str, Callable[[], Contestant]], rounds: int) -> tuple[dict[str, Contestant], Table]:
    """Time per iteration of every contestant, in every round once, in rotating order; the first is ours.

    Who cannot take part (not installed, out of memory) has the reason in the table instead.
    """
    plans: dict[str, Plan] = {}
    absent: Table = {}
    for name, make_one in makers.items():
        try:
            plans[name] = plan(make_one())
        except Exception as error:
            if not plans:
                raise
            absent[name] = {"absent": f"{type(error).__name__}: {error}"[:300]}
    samples: dict[str, list[float]] = {name: [] for name in plans}
    names = list(plans)
    for turn in range(rounds):
        at = turn % len(names)
        for name in names[at:] + names[:at]:
            samples[name].append(plans[name].seconds())
    table = compare(samples, names[0])
    return {name: one.contestant for name, one in plans.items()}, table | absent


def factorizations(device: Device, rates: dict[str, float]) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Workloads (a) to (d) and (f)."""
    for work, with_error in workloads(device.tiny):
        yield work.name, partial(factorization, work, with_error, device, rates)


def factorization(work: Workload, with_error: bool, device: Device, rates: dict[str, float]) -> dict[str, Any]:
    """One workload: fits of nmfcore and its peers, and nmfcore's kernels alone against the device's ceilings."""
    some = min(len(work.V), 16)  # torchnmf takes one problem after the other: a few tell the rest
    few = Workload(work.name, work.what, work.beta, work.V[:some], work.W[:some], work.H[:some], work.free_w)
    makers: dict[str, Callable[[], Contestant]] = {
        f"nmfcore {precision}": partial(ours, work, device, precision) for precision in PRECISIONS
    }
    makers |= {f"{library} formulas": partial(formulas, work, device, library) for library in ("cupy", "torch")}
    makers["torchnmf"] = partial(torchnmf, few, device)
    entries, table = contest(makers, 1 if device.tiny else ROUNDS)
    moved = sum(v.nbytes for v in work.V) * (2 if work.free_w else 1)
    if some < len(work.V) and "torchnmf" in entries:
        row, share = table["torchnmf"], len(work.V) / some
        row |= {name: row[name] * share for name in ("iteration_s", "fastest_s", "times_ours")}
        row["measured_on"] = f"{some} problems of {len(work.V)}, times {share:g}"
    for name, entry in entries.items():
        row = table[name]
        row["tflops"] = work.flops() / row["iteration_s"] / 1e12
        row["fit_100_s"] = clock(entry.run, 100) if entry.longest >= 100 and not device.tiny else None
        row["error"] = error(few if name == "torchnmf" else work, entry) if with_error else None
        row["peak_bytes"] = peak_bytes(device, lambda run=entry.run: run(3))  # type: ignore[misc]
    for precision in PRECISIONS:
        count, work_done = sweeps(work, device, precision)
        row = table[f"nmfcore {precision}"]
        row["sweep_s"] = seconds(device, work_done) / count
        row["of_ceiling"] = binding(rates, precision, work.flops(), moved) / row["sweep_s"]
    return {
        "what": work.what,
        "beta": work.beta,
        "flops_per_iteration": work.flops(),
        "bytes_of_v": sum(v.nbytes for v in work.V),
        "contestants": table,
    }


def recordings(device: Device, _: dict[str, float]) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Workload (e): EM iterations of 2, 4 and 8 channels, one to 32 recordings at once."""
    for channels in (2, 4, 8):
        for count in (1, 2) if device.tiny else (1, 8, 32):
            yield f"em-{channels}ch-{count}", partial(recording, channels, count, device)


def recording(channels: int, count: int, device: Device) -> dict[str, Any]:
    """So many recordings of white noise, two sources each."""
    bins, frames = (5, 9) if device.tiny else (513, 313)
    rng = np.random.default_rng(0)
    shape = (count, channels, bins, frames)
    X = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)
    v = rng.gamma(0.5, size=(count, 2, bins, frames)).astype(np.float32) + np.float32(1e-3)
    mixing = rng.standard_normal((count, 2, bins, channels, 2 * channels)).view(complex)
    R = mixing @ np.conj(np.swapaxes(mixing, -1, -2)) + np.eye(channels)
    placed = [device.xp.asarray(one) for one in (X, v, R)]
    # The formulas take one recording after the other, and much memory for each.
    makers = {"nmfcore": partial(em_ours, *placed, device), "cupy formulas": partial(em_formulas, *placed, device)}
    entries, table = contest(makers, 1 if device.tiny else ROUNDS)
    truth = nmfcore.backends.get("reference").spatial_step(X[0].astype(complex), v[0].astype(float), R[0])[0]
    for name, entry in entries.items():
        got = entry.run(1)[0]
        table[name]["error"] = float(np.linalg.norm(got - truth) / np.linalg.norm(truth))
        table[name]["peak_bytes"] = peak_bytes(device, lambda run=entry.run: run(1))  # type: ignore[misc]
    what = f"EM, {count} recordings, {channels} channels, 2 sources, {bins} × {frames}"
    return {"what": what, "bytes_of_x": X.nbytes, "contestants": table}


def separations(device: Device, _: dict[str, float]) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Workload (g)."""
    yield "separate-stereo", partial(separation, device)


def separation(device: Device) -> dict[str, Any]:
    """One stereo separation from the spectrogram to the images, 15 EM × 10 MU; and 64 of them, in turn and at once."""
    bins, frames, patterns = (9, 20, 3) if device.tiny else (513, 313, 32)
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((2, bins, frames)) + 1j * rng.standard_normal((2, bins, frames))).astype(np.complex64)
    X *= np.sqrt(spectrogram(rng, bins, frames, 0.0))
    examples = {name: [spectrogram(rng, bins, frames, 0.0)] for name in ("speech", "noise")}
    dictionary = learn_dictionary(examples, patterns, n_iter=20, seed=0)
    R = np.stack([np.tile(np.eye(2) + c, (bins, 1, 1)) for c in (0.0, 0.5)])
    count = 2 if device.tiny else 64
    batch = np.stack([X] * count)

    def separate(X: Any, backend: str, times: int = 1) -> None:
        for _ in range(times):
            model = nmfcore.spatial.fit(
                X, dictionary=dictionary, variance_model="separation", R=R, n_iter=15, n_inner=10, seed=0,
                backend=backend,
            )  # fmt: skip
            nmfcore.spatial.wiener(X, model.v, model.R, backend=backend)
        device.synchronize()

    def median(work: Callable[[], None]) -> float:
        work()
        return statistics.median(clock(lambda _: work(), 0) for _ in range(3))

    rows = {}
    for name, place, backend in (
        ("nmfcore cuda", device.xp.asarray, "cuda"),
        ("nmfcore processor", np.asarray, "auto"),
    ):
        one, all_of_them = place(X), place(batch)
        rows[name] = {
            "one_s": median(partial(separate, one, backend)),
            f"{count}_in_turn_s": median(partial(separate, one, backend, count)),
            f"{count}_in_one_batch_s": median(partial(separate, all_of_them, backend)),
        }
    return {"what": f"stereo separation, 15 EM × 10 MU, {bins} × {frames}", "contestants": rows}
