"""What is the CUDA backend's own: divided problems, precisions, large ranks, fits whose arrays stay on the device.

Everything runs on the emulated device, with arrays that refuse to mix with NumPy's; the kernels themselves are
compared with the reference in test_factor.py and test_spatial.py.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import nmfcore
from nmfcore import backends, layout, penalties, sides, spatial
from nmfcore.backends import cuda
from nmfcore.cuda import emulated_arrays as device
from nmfcore.cuda import emulation, source
from nmfcore.cuda.emulation import EmulatedLauncher
from nmfcore.models import gssm_separate, learn_dictionary

REFERENCE = backends.get("reference")
LIMIT = 227 * 1024


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The emulated device in the place of the real one; its module of array functions."""
    engines: dict[str, cuda.Cuda] = {}
    monkeypatch.setattr(cuda, "present", lambda: True)
    monkeypatch.setattr(cuda, "backend", lambda p="auto": engines.setdefault(p, cuda.Cuda(EmulatedLauncher(), p)))
    return device


def problem(rng: np.random.Generator, f: int, n: int, k: int, dtype: Any = np.float32) -> tuple[Any, ...]:
    table = layout.make_table([(f, n)], [k])
    V, Wt, H = (rng.uniform(0.1, 1, size).astype(dtype) for size in (f * n, k * f, k * n))
    return table, V, Wt, H


def relative(got: Any, want: Any) -> float:
    return float(np.max(np.abs(layout.host(got) - want) / np.abs(want)))


@pytest.mark.parametrize("beta", [0.0, 1.0])
@pytest.mark.parametrize("precision", ["fp32", "tf32x3"])
def test_a_divided_problem_gives_the_same_sums(precision: str, beta: float, rng: np.random.Generator) -> None:
    """Enough blocks wanted that the rows of V are shared among them, and added up by the finishing kernel."""
    launcher = EmulatedLauncher()
    launcher.fill = 40
    engine = cuda.Cuda(launcher, precision)
    table, V, Wt, H = problem(rng, 300, 70, 9)
    table[0, layout.K0] = 2
    arrays = [device.asarray(one) for one in (V, Wt, H)]
    floor = np.full(1, 1e-12)
    half = layout.Half(table, *arrays, beta, floor)
    plan = engine._batch(half).plans[0]
    assert plan.finish_blocks > 0
    assert plan.blocks > -(-70 // plan.variant.width)
    got = engine.split_gradient(half)
    for one, right in zip(got, REFERENCE.split_gradient(half._replace(V=V, Wt=Wt, H=H)), strict=True):
        np.testing.assert_allclose(layout.host(one), right, rtol=2e-6)
    add = rng.uniform(0, 1, 9).astype(np.float32)
    engine.update(half, 0.5, device.asarray(add))
    wide = H.astype(float)
    REFERENCE.update(half._replace(V=V, Wt=Wt, H=wide), 0.5, add)
    np.testing.assert_allclose(layout.host(arrays[2]), wide, rtol=2e-6)


def test_threads_keep_their_workspaces_apart(rng: np.random.Generator) -> None:
    """The same table in several threads: parts of sums that one has made are not those that another adds up."""
    launcher = EmulatedLauncher()
    launcher.fill = 40
    engine = cuda.Cuda(launcher, "fp32")
    problems = [problem(rng, 300, 70, 9) for _ in range(6)]

    def gradient(arrays: tuple[Any, ...]) -> Any:
        table, *there = arrays[0], *map(device.asarray, arrays[1:])
        return [layout.host(one) for one in engine.split_gradient(layout.Half(table, *there, 0.0, np.full(1, 1e-12)))]

    alone = [gradient(one) for one in problems]
    with ThreadPoolExecutor(3) as pool:
        for got, want in zip(pool.map(gradient, problems * 4), alone * 4, strict=True):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("rank", [40, 90])
@pytest.mark.parametrize(("precision", "error"), [("fp32", 2e-6), ("tf32x3", 2e-6), ("tf32", 3e-3)])
def test_precisions(precision: str, error: float, rank: int, rng: np.random.Generator) -> None:
    """Fast tf32 rounds to eleven bits; three products give float32's error, also over long sums."""
    table, V, Wt, H = problem(rng, 1500, 20, rank)
    engine = cuda.Cuda(EmulatedLauncher(), precision)
    floor = np.full(1, 1e-12)
    got = engine.split_gradient(layout.Half(table, *map(device.asarray, (V, Wt, H)), 0.0, floor))
    want = REFERENCE.split_gradient(layout.Half(table, V, Wt, H, 0.0, floor))
    worst = max(relative(one, right) for one, right in zip(got, want, strict=True))
    assert worst < error
    assert precision != "tf32" or worst > 1e-5, "the tensor cores were not used"


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("beta", [-1.0, 0.0, 0.5, 1.0, 2.0])
def test_ranks_beyond_the_fused_kernels(beta: float, weighted: bool, rng: np.random.Generator) -> None:
    table, V, Wt, H = problem(rng, 30, 21, 600)
    u = rng.uniform(0, 1, V.size).astype(np.float32) if weighted else None
    engine = cuda.Cuda(EmulatedLauncher())
    here = layout.Half(table, V, Wt, H.astype(float), beta, np.full(1, 1e-12), u)
    arrays = {"V": V, "Wt": Wt, "H": H} | ({} if u is None else {"weights": u})
    there = here._replace(**{name: device.asarray(one) for name, one in arrays.items()})
    for one, right in zip(engine.split_gradient(there), REFERENCE.split_gradient(here), strict=True):
        np.testing.assert_allclose(layout.host(one), right, rtol=1e-5)
    add = rng.uniform(0, 1, 600).astype(np.float32)
    engine.update(there, 1.0, device.asarray(add))
    REFERENCE.update(here, 1.0, add)
    np.testing.assert_allclose(layout.host(there.H), here.H, rtol=1e-5)
    np.testing.assert_allclose(
        engine.divergence(there),
        REFERENCE.divergence(here),
        rtol=1e-4,
    )


def test_large_euclidean_problems_by_matrix_products(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    monkeypatch.setitem(cuda.settings(), "products_from_entries", 100)
    V = rng.random((2, 20, 30))
    monkeypatch.setattr(cuda, "present", lambda: True)
    monkeypatch.setattr(cuda, "backend", lambda p="auto": cuda.Cuda(EmulatedLauncher(), p))
    common = {"beta": 2, "seed": 0, "n_iter": 8, "penalties": [penalties.L1(0.1)]}
    got, right = (nmfcore.nmf(V, 4, device=one, **common) for one in ("cuda", "cpu"))
    np.testing.assert_allclose(got.H, right.H, rtol=1e-9)
    table, v, wt, h = problem(rng, 20, 30, 4)
    engine = cuda.Cuda(EmulatedLauncher())
    floor = np.zeros(1)
    parts = engine.split_gradient(layout.Half(table, *map(device.asarray, (v, wt, h)), 2.0, floor))
    for one, right in zip(parts, REFERENCE.split_gradient(layout.Half(table, v, wt, h, 2.0, floor)), strict=True):
        np.testing.assert_allclose(one.get(), right, rtol=1e-5)


def test_more_channels_than_shared_memory_has_room_for(rng: np.random.Generator) -> None:
    launcher = EmulatedLauncher()
    launcher.shared_limit = 16 * 1024
    X = rng.standard_normal((9, 2, 35)) + 1j * rng.standard_normal((9, 2, 35))
    v, R = rng.uniform(0.1, 1, (2, 2, 35)), np.tile(np.eye(9, dtype=complex), (2, 2, 1, 1))
    mine = v.copy()
    right, value = REFERENCE.spatial_step(X, mine, R)
    there = [device.asarray(one) for one in (X, v, R)]
    got, other = cuda.Cuda(launcher).spatial_step(*there)
    np.testing.assert_allclose(got.get(), right, atol=1e-10)
    np.testing.assert_allclose(there[1].get(), mine, rtol=1e-8)
    np.testing.assert_allclose(other.get(), value)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tol": 1e-3},
        {"normalize": True},
        {"n_restarts": 2},
        {"acceleration": "extrapolation"},
        {"acceleration": "extrapolation", "penalties": [penalties.L1(0.1)]},
        {"init": "nndsvda"},
        {"free_w": np.array([True, False, True, False]), "normalize": True},
        {"penalties": [penalties.L1(0.1), penalties.L2(0.1, "W")]},
        {"penalties": [penalties.GroupSparsity([[slice(0, 2)], [slice(2, 4)]], 0.1, 1.0)]},
    ],
    ids=str,
)
@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_a_fit_on_the_device_is_that_of_the_processor(gpu: Any, beta: float, options: dict[str, Any]) -> None:
    """Host arrays in, host arrays out; device arrays in, device arrays out; and no mixture on the way."""
    V = np.random.default_rng(0).random((2, 20, 30))
    common = {"beta": beta, "seed": 0, "n_iter": 12, **options}
    right = nmfcore.nmf(V, 4, device="cpu", **common)
    moved = nmfcore.nmf(V, 4, device="cuda", **common)
    stayed = nmfcore.nmf(gpu.asarray(V), 4, **common)
    assert isinstance(moved.H, np.ndarray)
    assert isinstance(stayed.H, gpu.DeviceArray)
    for name in ("W", "H"):
        np.testing.assert_allclose(getattr(moved, name), getattr(right, name), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(getattr(stayed, name).get(), getattr(right, name), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(moved.objective, right.objective)


def test_given_factors_and_weights_on_the_device(gpu: Any, rng: np.random.Generator) -> None:
    V, W, H, u = (rng.random(shape) for shape in ((9, 7), (9, 2), (2, 7), (9, 7)))
    right = nmfcore.nmf([V, V], W=[W, W], H=[H, H], weights=[u, u], n_iter=5, device="cpu")
    V, W, H, u = map(gpu.asarray, (V, W, H, u))
    got = nmfcore.nmf([V, V], W=[W, W], H=[H, H], weights=[u, u], n_iter=5)
    np.testing.assert_allclose(got.W[1].get(), right.W[1], rtol=1e-9)
    back = nmfcore.nmf(V, 2, n_iter=2, seed=0, device="cpu")
    assert isinstance(back.W, gpu.DeviceArray)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("acceleration", [None, "extrapolation"])
def test_group_sparsity_within_the_sweeps(
    gpu: Any, monkeypatch: pytest.MonkeyPatch, dtype: type, acceleration: str | None, rng: np.random.Generator
) -> None:
    """A ragged batch of two ranks; what the kernels do not do, with momentum, is done between them."""
    V = [rng.random((12, n)).astype(dtype) + dtype(0.1) for n in (9, 70, 33)]
    sparse = penalties.GroupSparsity([[slice(0, 2), slice(4, 5)], [slice(2, 4)]], [0.3, 0.9], 0.7, "mixed", eps=1e-3)
    options = {"beta": 0, "penalties": [sparse], "seed": 0, "n_iter": 13, "acceleration": acceleration}
    right = nmfcore.nmf(V, [5, 7, 5], backend="reference", **options)
    if acceleration is None:
        monkeypatch.setattr(sides.Side, "update", None)
    got = nmfcore.nmf(V, [5, 7, 5], backend="cuda", **options)
    tight = {"rtol": 1e-3, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-8}
    for one, other in zip((*got.W, *got.H), (*right.W, *right.H), strict=True):
        np.testing.assert_allclose(one, other, **tight)


@pytest.mark.parametrize("background", [0, 2])
def test_a_generic_model_on_the_device(gpu: Any, background: int, rng: np.random.Generator) -> None:
    V = rng.gamma(0.5, size=(2, 9, 20))
    model = learn_dictionary({s: [rng.random((9, 20))] for s in "ab"}, 3, seed=0)
    options = {"background": background, "n_iter": 6, "seed": 0, "lam": 1e-3}
    right, got = gssm_separate(V, model, **options), gssm_separate(gpu.asarray(V), model, **options)
    assert list(got.parts) == list(right.parts)
    for name, part in right.parts.items():
        np.testing.assert_allclose(got.parts[name].get(), part, rtol=1e-8)


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("free", {"averaging": (1, 3), "prior": 5.0}),
        ("nmf", {"n_components": 3, "n_iter": 14}),
        ("joint", {"free": {"a": 2}}),
        ("separation", {"free": {"a": 1}, "smoothing": 0.2}),
        ("denoising", {}),
    ],
)
@pytest.mark.parametrize("batch", [(), (2,)], ids=["one", "batch"])
def test_separation_on_the_device(gpu: Any, batch: tuple[int, ...], model: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((*batch, 2, 9, 20)) + 1j * rng.standard_normal((*batch, 2, 9, 20))
    R = np.stack([np.tile(np.eye(2) + c, (9, 1, 1)) for c in (0.0, 0.5)])
    if model in ("free", "nmf"):
        options = {"sources": ("a", "b"), **options}
    else:
        options = {"dictionary": learn_dictionary({s: [rng.random((9, 20))] for s in "ab"}, 3, seed=0), **options}
    common = {"variance_model": model, "R": R, "seed": 0, "n_iter": 4} | options
    right = spatial.fit(X, **common)
    moved, stayed = spatial.fit(X, backend="cuda", **common), spatial.fit(gpu.asarray(X), **common)
    for name in ("v", "R"):
        scale = np.abs(getattr(right, name)).max()
        np.testing.assert_allclose(getattr(moved, name), getattr(right, name), atol=1e-9 * scale)
        np.testing.assert_allclose(getattr(stayed, name).get(), getattr(right, name), atol=1e-9 * scale)
    images = spatial.wiener(gpu.asarray(X), stayed.v, stayed.R)
    np.testing.assert_allclose(images.get(), spatial.wiener(X, right.v, right.R), atol=1e-9)


def test_spectrograms_and_masks_stay_on_the_device(gpu: Any, rng: np.random.Generator) -> None:
    x = rng.standard_normal(500)
    X = nmfcore.stft(gpu.asarray(x), 64, 20)
    parts = rng.random((2, *X.shape))
    masked = nmfcore.masks.wiener(X, gpu.asarray(parts), 2.0)
    np.testing.assert_allclose(masked.get(), nmfcore.masks.wiener(nmfcore.stft(x, 64, 20), parts, 2.0))
    np.testing.assert_allclose(nmfcore.istft(masked.sum(0), 64, 20, length=500).get(), x, atol=1e-12)


@pytest.mark.parametrize("tol", [0.0, 1e-3])
def test_a_batch_that_does_not_fit_is_divided(gpu: Any, monkeypatch: pytest.MonkeyPatch, tol: float) -> None:
    """The device has room for two of five matrices; the answer is that of the whole batch."""
    rng = np.random.default_rng(0)
    V = [rng.random((8, n)) for n in (9, 10, 11, 12, 7)]
    options = {"beta": 1, "n_iter": 30, "seed": 3, "tol": tol}
    right = nmfcore.nmf(V, [2, 3, 2, 4, 2], device="cpu", **options)
    roomy = gpu.asarray

    def asarray(value: Any, dtype: Any = None) -> Any:
        if np.size(value) > 8 * 25:
            raise gpu.OutOfMemoryError
        return roomy(value, dtype)

    monkeypatch.setattr(gpu, "asarray", asarray)
    got = nmfcore.nmf(V, [2, 3, 2, 4, 2], device="cuda", **options)
    for name in ("W", "H"):
        for one, other in zip(getattr(got, name), getattr(right, name), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9)
    assert got.n_iter == right.n_iter
    assert got.status == right.status
    assert [at for at, _ in got.history] == [at for at, _ in right.history]
    for (_, mine), (_, theirs) in zip(got.history, right.history, strict=True):
        np.testing.assert_allclose(mine, theirs)
    with pytest.raises(MemoryError, match=r"^This matrix and its factors do not fit in the memory of the device; use"):
        nmfcore.nmf(rng.random((30, 40)), 2, device="cuda")
    with pytest.raises(MemoryError, match="a callback sees whole ones"):
        nmfcore.nmf(V, 2, device="cuda", callback=lambda *_: False)


def test_recordings_that_do_not_fit_are_divided(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device has room for two of five recordings."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5, 2, 6, 20)) + 1j * rng.standard_normal((5, 2, 6, 20))
    R = spatial.regularized(np.tile(np.eye(2), (5, 2, 6, 1, 1)) + rng.random((5, 2, 6, 1, 1)))
    v = rng.gamma(1.0, size=(5, 2, 6, 20))
    options = {
        "variance_model": "nmf",
        "sources": ("a", "b"),
        "n_components": 2,
        "n_iter": 3,
        "R": R,
        "v": v,
        "seed": 1,
    }
    right = spatial.fit(X, **options)
    roomy = gpu.asarray

    def asarray(value: Any, dtype: Any = None) -> Any:
        if np.size(value) > 2 * X[0].size:
            raise gpu.OutOfMemoryError
        return roomy(value, dtype)

    monkeypatch.setattr(gpu, "asarray", asarray)
    got = spatial.fit(X, backend="cuda", **options)
    for name in ("v", "R", "W", "H", "gain", "level", "log_likelihood"):
        np.testing.assert_allclose(getattr(got, name), getattr(right, name), rtol=1e-8, atol=1e-9)
    assert got.start == right.start
    with pytest.raises(
        MemoryError, match=r"^This batch does not fit in the memory of the device, and resume and callback"
    ):
        spatial.fit(X, backend="cuda", callback=lambda *_: False, **options)
    long = np.concatenate([X[0]] * 5, axis=-1)
    with pytest.raises(
        MemoryError, match=r"^This recording does not fit in the memory of the device; fit it in blocks"
    ):
        spatial.fit(long, backend="cuda", variance_model="free", sources=("a", "b"), n_iter=1)


def test_large_jobs_go_to_a_gpu_that_is_present(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    native = backends.get()
    assert backends.for_job(native, 1e15).name == "cuda"
    assert backends.for_job(native, 1.0) is native
    monkeypatch.setattr(cuda, "present", lambda: False)
    assert backends.for_job(native, 1e15) is native


def test_refusals(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"^backend='cuda:fp16' is not known; its precision is one of"):
        cuda.Cuda(EmulatedLauncher(), "fp16")
    with pytest.raises(ValueError, match=r"^backend='native' works on the CPU; with device='cuda' leave it out"):
        nmfcore.nmf(np.ones((3, 3)), 1, device="cuda", backend="native")
    with pytest.raises(ValueError, match=r"^backend='cuda' does not work on device='cpu'"):
        nmfcore.nmf(np.ones((3, 3)), 1, device="cpu", backend="cuda")
    monkeypatch.setattr(cuda, "present", lambda: False)
    for option in ({"device": "cuda"}, {"backend": "cuda:tf32"}):
        with pytest.raises(ValueError, match=r"is not available: CuPy finds no NVIDIA GPU .* Install nmfcore\[cuda\]"):
            nmfcore.nmf(np.ones((3, 3)), 1, **option)


@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("precision", ["auto", "fp32", "tf32x3", "tf32"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_usual_rank_has_a_fused_kernel(dtype: type, precision: str, two: bool) -> None:
    found = cuda.variants(np.dtype(dtype), two, precision, LIMIT)
    ranks = [one.rank for one in found]
    assert ranks == sorted(ranks)
    assert ranks[-1] == (512 if dtype is np.float32 else 384)
    files = {one.file for one in found}
    assert ("tensor.cu" in files) == (dtype is np.float32 and precision != "fp32")
    assert all(one.shared <= 48 * 1024 for one in cuda.variants(np.dtype(dtype), two, precision, 48 * 1024))


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("simt.cu", "        wait_copies<STAGES - 2>();\n"),
        ("simt.cu", "        __syncthreads();\n        const int next"),
        ("tensor.cu", "        wait_copies<STAGES - 2>();\n"),
        ("spatial.cu", "        __syncthreads();\n        for (int i = threadIdx.x; i < pairs * shares"),
    ],
)
def test_the_emulation_notices_a_missing_barrier(
    file: str, line: str, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    """The kernels with one synchronization taken out: on a GPU that would be wrong now and then."""

    def broken(name: str, header: str = "device.cuh") -> str:
        text = source(name, header)
        assert name != file or line in text
        return text.replace(line, line.split("\n", 1)[1], 1) if name == file else text

    monkeypatch.setattr(emulation, "source", broken)
    monkeypatch.setattr(emulation, "_compiled", emulation._compiled.__wrapped__)
    engine = cuda.Cuda(EmulatedLauncher(), "tf32x3" if file == "tensor.cu" else "fp32")
    if file == "spatial.cu":
        X = rng.standard_normal((2, 1, 40)) + 1j * rng.standard_normal((2, 1, 40))
        v, R = rng.uniform(0.1, 1, (1, 1, 40)), np.tile(np.eye(2, dtype=complex), (1, 1, 1, 1))
        got, _ = engine.spatial_step(*map(device.asarray, (X, v, R)), None, True)
        want, _ = REFERENCE.spatial_step(X, v, R, None, True)
        assert not np.allclose(got.get(), want, rtol=1e-6)
        return
    table, V, Wt, H = problem(rng, 130, 40, 12)
    floor = np.full(1, 1e-12)
    got = engine.split_gradient(layout.Half(table, *map(device.asarray, (V, Wt, H)), 0.0, floor))
    want = REFERENCE.split_gradient(layout.Half(table, V, Wt, H, 0.0, floor))
    assert not np.allclose(got[0].get(), want[0], rtol=1e-3)


@pytest.mark.gpu
def test_a_gpu_is_present() -> None:
    if not cuda.present():
        pytest.skip("CuPy finds no NVIDIA GPU; the kernels were tested on the emulated device alone")
    assert "cuda" in backends.available()
