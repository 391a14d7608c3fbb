"""The CUDA kernels (nmfcore/cuda), compiled at run time by CuPy; the arrays live on the device.

What needs the device goes through a launcher of a few methods. The tests run the same kernels and this same file with
another one, which emulates the device (:mod:`nmfcore.cuda.emulation`).
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends import composed
from nmfcore.backends.base import Backend, Covariances
from nmfcore.backends.cuda_launcher import CupyLauncher, Launcher, current_gpu, device_name, present
from nmfcore.backends.cuda_plans import Batch, Plans, Sparsity, Variant, ceil, settings, simt, tensor, variants
from nmfcore.divergence import elementwise
from nmfcore.layout import H_AT, K0, K1, V_AT, Array, F, Half, K, N, Table, host, view

__all__ = ["Cuda", "Launcher", "Variant", "backend", "device_name", "present", "settings", "simt", "tensor", "variants"]

PRECISIONS = ("auto", "fp32", "tf32x3", "tf32")


class Ending(NamedTuple):
    """What becomes of the two parts of the gradient: stored in `neg` and `pos` or, without these, a step of H.

    A value per row of H may be added to each part first.
    """

    exponent: float = 1.0
    add_neg: Array | None = None
    add_pos: Array | None = None
    neg: Any = None
    pos: Any = None


class Cuda(Backend):
    """The CUDA backend; see :class:`nmfcore.backends.Backend` for what each method computes."""

    endings = frozenset({"group sparsity"})

    def __init__(self, launcher: Launcher, precision: str = "auto") -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"backend='cuda:{precision}' is not known; its precision is one of {PRECISIONS}.")
        self.launcher = launcher
        self.xp = launcher.xp
        self.name = "cuda" if precision == "auto" else f"cuda:{precision}"
        self.precision = precision
        self.plans = Plans(launcher, self.forms)

    def forms(self, dtype: np.dtype[Any], two: bool, precision: str) -> list[Variant]:
        """The forms of the fused kernel to choose from, by rising rank."""
        return variants(dtype, two, precision, self.launcher.shared_limit)

    def split_gradient(self, half: Half) -> tuple[Array, Array]:
        neg, pos = self.xp.zeros_like(half.H), self.xp.zeros_like(half.H)
        self._gradient(half, Ending(neg=neg, pos=pos))
        return neg, pos

    def scale(self, table: Table, H: Array, neg: Array, pos: Array, exponent: float) -> None:
        problems, items = self.plans.entries(table)
        self._cheap("scale", H)(len(items), 256, 0, items, problems, H, neg, pos, exponent)

    def update(self, half: Half, exponent: float, add_neg: Array | None = None, add_pos: Array | None = None) -> None:
        self._gradient(half, Ending(exponent, add_neg, add_pos))

    def sweeps(self, n: int, halves: Sequence[Half], exponent: float, momentum: Array | None = None) -> None:
        """`n` times the updates of `halves` in turn, in one graph of launches once it is known."""
        powers = None if momentum is None else self.plans.device(momentum)
        sparsities = [self.plans.sparsity(half) for half in halves]

        def work() -> None:
            for sweep in range(n):
                for half, sparse in zip(halves, sparsities, strict=True):
                    if powers is not None:
                        self._extrapolate(half, powers[sweep])
                    if sparse is None:
                        self.update(half, exponent)
                    else:
                        self._weigh_groups(half, sparse)
                        self.update(half, exponent, sparse.neg, sparse.pos)

        used = [self._batch(half) for half in halves]
        if powers is not None or any(batch.large for batch in used) or _by_products(halves[0]):
            work()  # what it reads changes, or its memory comes and goes: nothing for a graph
            return
        places = [tuple(_place(a) for a in (half.V, half.Wt, half.H, half.weights)) for half in halves]
        dtype = halves[0].H.dtype.char  # an address may have been another type's before
        key = (n, dtype, *places, *map(id, used), *map(id, sparsities), halves[0].beta, exponent, self.precision)
        self.launcher.repeat(key, work, (used, sparsities))

    def divergence(self, half: Half) -> NDArray[np.float64]:
        batch = self.plans.batch(half, True, "fp32", divided=False)
        out = np.empty(len(half.table))
        for plan in batch.plans:
            values, sums = self.xp.empty(plan.blocks), self.xp.empty(len(plan.owners))
            kernel = self.launcher.kernel(plan.variant.file, "divergence", {**plan.variant.constants, "KIND": "IS"})
            kernel(plan.blocks, plan.variant.threads, plan.variant.shared, plan.items, batch.problems,
                   half.V, half.Wt, half.H, half.weights, batch.floor, half.beta, values)  # fmt: skip
            total = self._cheap("total", half.H)
            total(ceil(len(plan.owners), 256), 256, 0, len(plan.owners), plan.begins, values, sums)
            out[plan.owners] = host(sums)
        if batch.large:
            out[batch.large] = self._large_divergence(half.only(batch.large))
        return out

    def _batch(self, half: Half) -> Batch:
        return self.plans.batch(half, _kind(half.beta, half.weights is not None) != "KL", self.precision)

    def _gradient(self, half: Half, end: Ending) -> None:
        """One update of H, or the parts of its gradient stored."""
        if _by_products(half):
            self._end(half, end, *composed.euclidean_parts(half))
            return
        kind, batch = _kind(half.beta, half.weights is not None), self._batch(half)
        for plan in batch.plans:
            kernel = self.launcher.kernel(plan.variant.file, "gradient", {**plan.variant.constants, "KIND": kind})
            kernel(plan.blocks, plan.variant.threads, plan.variant.shared, plan.items, batch.problems,
                   half.V, half.Wt, half.H, half.weights, batch.floor, half.beta, *end, plan.work)  # fmt: skip
            if plan.finish_blocks:
                finish = self._cheap("finish", half.H, kind)
                finish(plan.finish_blocks, 256, 0, plan.finish, batch.problems, half.H, *end, plan.work)
        if batch.large:
            self._large(half.only(batch.large), end)

    def _end(self, half: Half, end: Ending, above: Array, below: Array) -> None:
        """What a fused kernel does with the two parts at its end, for parts that were made by other means."""
        composed.add_rows(half.table, above, end.add_neg)
        composed.add_rows(half.table, below, end.add_pos)
        if end.neg is None:
            self.scale(half.table, half.H, above, below, end.exponent)
        elif end.neg is not above:
            end.neg[...], end.pos[...] = above, below

    # ---- ranks beyond the fused kernels ------------------------------------------------------------------------

    def _large(self, half: Half, end: Ending) -> None:
        """cuBLAS products with the ratio between them as one elementwise kernel, a slab of columns at a time."""
        above, below = (self.xp.zeros_like(half.H) if out is None else out for out in (end.neg, end.pos))
        kind = _kind(half.beta, True)  # both sums: what the rank costs more than pays for it
        ratios = self._cheap("ratios", half.H, kind)
        for row, low, (v, wt, h) in zip(half.table.tolist(), half.floor.tolist(), half.views(), strict=True):
            u = None if half.weights is None else view(half.weights, row[V_AT], *v.shape)
            rows = slice(row[K0], row[K1])
            outs = [view(flat, row[H_AT], row[K], row[N])[rows] for flat in (above, below)]
            for part in _slabs(v.shape):
                lam = self.xp.ascontiguousarray(wt.T @ h[:, part])
                second = self.xp.empty_like(lam)
                given = [None if a is None else self.xp.ascontiguousarray(a[:, part]) for a in (v, u)]
                ratios(ceil(lam.size, 256), 256, 0, lam.size, lam, *given, second, low, half.beta)
                for out, ratio in zip(outs, (lam, second), strict=True):
                    out[:, part] = wt[rows] @ ratio
        self._end(half, end, above, below)

    def _large_divergence(self, half: Half) -> list[float]:
        xp, beta, totals = self.xp, half.beta, []
        for row, low, (v, wt, h) in zip(half.table.tolist(), half.floor.tolist(), half.views(), strict=True):
            u = None if half.weights is None else view(half.weights, row[V_AT], *v.shape)
            total = 0.0
            for part in _slabs(v.shape):
                lam = xp.maximum((wt.T @ h[:, part]).astype(np.float64), low)
                seen = v[:, part].astype(np.float64)
                each = elementwise(xp.maximum(seen, low) if beta <= 0 else seen, lam, beta)
                total += float((each if u is None else each * u[:, part]).sum())
            totals.append(total)
        return totals

    # ---- local Gaussian model ----------------------------------------------------------------------------------

    def spatial_step(
        self, X: Array, v: Array, R: Covariances, psi: Array | None = None, keep_v: bool = False
    ) -> tuple[Covariances, Array]:
        R = self.xp.ascontiguousarray(R)  # CuPy's inverses and eigenvectors may lie in another order than NumPy's
        new, values = self.xp.empty_like(R), self.xp.empty(X.shape[1])
        self._spatial("step", X, v, (v, R, new, psi, values), psi is not None, int(keep_v))
        return new, values

    def spatial_gradient(self, X: Array, v: Array, R: Covariances, psi: Array | None = None) -> tuple[Array, Array]:
        R, neg, pos = self.xp.ascontiguousarray(R), self.xp.empty_like(v), self.xp.empty_like(v)
        self._spatial("slope", X, v, (v, R, psi, neg, pos), True)
        return neg, pos

    def wiener(self, X: Array, v: Array, R: Covariances) -> Array:
        R, images = self.xp.ascontiguousarray(R), self.xp.empty((len(v), *X.shape), X.dtype)
        self._spatial("wiener", X, v, (v, R, images), False)
        return images

    def _spatial(self, name: str, X: Array, v: Array, arrays: tuple[Any, ...], two: bool, *more: int) -> None:
        """Launch a kernel of spatial.cu: a block per bin."""
        channels, (sources, bins, frames) = len(X), v.shape
        square, threads = channels**2, 128 if channels <= 4 else 64 if channels <= 8 else 32
        pairs = sources * square
        doubles = pairs
        if name == "step":
            doubles += pairs + pairs * max(1, threads // pairs) + sources * (threads + 1) + threads
        # Up to 4 channels the matrices are registers, but the sums over frames go through shared memory.
        matrices = square * (threads + 1) * (two + 1 if channels > 4 else name == "step")
        scratch = None
        if 8 * (doubles + matrices) > self.launcher.shared_limit:
            scratch, matrices = self.xp.empty(bins * 2 * square * (threads + 1)), 0
        constants = {"CH": channels, "THREADS": threads, "WIDE": int(v.dtype == np.float64)}
        kernel = self.launcher.kernel("spatial.cu", name, constants)
        kernel(bins, threads, 8 * (doubles + matrices), X, *arrays, scratch, sources, bins, frames, *more)

    # ---- cheap kernels -----------------------------------------------------------------------------------------

    def _cheap(self, name: str, like: Array, kind: str = "KL") -> Callable[..., None]:
        """A kernel of finish.cu."""
        return self.launcher.kernel("finish.cu", name, {"REAL": _real(like), "KIND": kind})

    def _weigh_groups(self, half: Half, sparsity: Sparsity) -> None:
        for one in sparsity.groups:
            launch = self._cheap("group_rows", half.H)
            launch(one.count, 512, one.shared, one.problems, half.H, *one.given, sparsity.neg, sparsity.pos)

    def _extrapolate(self, half: Half, powers: Any) -> None:
        problems, items = self.plans.entries(half.table)
        self._cheap("extrapolate", half.H)(len(items), 256, 0, items, problems, half.H, half.last, powers)


def backend(precision: str = "auto") -> Cuda:
    """The backend on the current GPU."""
    return _on(current_gpu(), precision)


@cache
def _on(_: int, precision: str) -> Cuda:
    """One for each GPU: what it compiles and keeps in memory belongs to that one."""
    return Cuda(CupyLauncher(), precision)


def _by_products(half: Half) -> bool:
    """Whether WᵀV and (WᵀW)H by cuBLAS are faster than the fused kernel: large matrices, where no Λ is needed."""
    entries = int((half.table[:, F] * half.table[:, N]).min())
    return half.beta == 2 and half.weights is None and entries >= settings()["products_from_entries"]


def _kind(beta: float, weighted: bool) -> str:
    if beta == 1:
        return "KL_WEIGHTED" if weighted else "KL"
    return {0.0: "IS", 2.0: "EUCLIDEAN", 0.5: "ROOT", 1.5: "ROOT"}.get(beta, "GENERAL")


def _real(array: Array) -> str:
    return "double" if array.dtype == np.float64 else "float"


def _place(array: Any) -> int:
    """Where an array lies in memory; 0 for none."""
    return 0 if array is None else int(array.data.ptr)


def _slabs(shape: tuple[int, ...], entries: int = 1 << 24) -> list[slice]:
    """Ranges of columns with at most so many entries each."""
    rows, columns = shape
    width = max(1, entries // rows)
    return [slice(n, min(n + width, columns)) for n in range(0, columns, width)]
