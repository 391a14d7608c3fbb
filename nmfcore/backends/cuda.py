"""The CUDA kernels (nmfcore/cuda), compiled at run time by CuPy; the arrays live on the device.

What needs the device goes through a launcher of a few methods. The tests run the same kernels and this same file with
another one, which emulates the device (:mod:`nmfcore.cuda.emulation`).
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends import composed
from nmfcore.cuda import FOLDER, signature, source
from nmfcore.divergence import elementwise
from nmfcore.layout import H_AT, K0, K1, V_AT, Array, F, Half, K, N, Table, host, view, views

PRECISIONS = ("auto", "fp32", "tf32x3", "tf32")
TILE = 32  # rows of V that the kernels take at once
LONGEST = 1024  # rows that one block adds up in a row: longer sums lose digits
ITEM = np.dtype(
    [("problem", "i4"), ("column", "i4"), ("part", "i4"), ("parts", "i4")]
    + [(name, "i8") for name in ("first", "last", "neg_at", "pos_at")]
)
ENTRIES = 2048  # of H, per block of the cheap kernels
KEPT = 32  # plans and graphs that are kept for their next use


class Launcher(Protocol):
    """The device, as far as this backend needs it."""

    xp: Any
    fill: int  # blocks that keep the whole device busy
    shared_limit: int  # bytes of shared memory that a block may have

    def kernel(self, file: str, name: str, constants: Mapping[str, Any]) -> Callable[..., None]:
        """A function (blocks, threads, bytes of shared memory, *arguments) that launches one kernel."""

    def repeat(self, key: Any, work: Callable[[], None], used: Any) -> None:
        """Run launches that will come again with the same key, from the second time on as one graph.

        `used` is kept as long as the graph is: what the launches read beyond the arrays named by the key.
        """


@dataclass(frozen=True)
class Variant:
    """One form of the fused kernel: what it is compiled with and what a block takes."""

    file: str
    constants: Mapping[str, Any]
    rank: int  # the largest that it takes
    width: int  # columns of a block
    threads: int
    shared: int  # bytes


@dataclass
class Plan:
    """The work list of one launch, on the device, with the workspace of divided problems."""

    variant: Variant
    owners: NDArray[np.intp]  # the problems, in the order of their items
    begins: Any  # where the items of each begin, and where the last ones end
    items: Any
    blocks: int
    finish: Any
    finish_blocks: int
    work: Any


@dataclass
class Batch:
    """The parts of a table that share a kernel, and what all of them read."""

    problems: Any
    floor: Any
    plans: list[Plan]
    large: list[int] = field(default_factory=list)  # problems of a rank that no fused kernel takes


class Cuda:
    """The CUDA backend; see :class:`nmfcore.backends.Backend` for what each method computes."""

    def __init__(self, launcher: Launcher, precision: str = "auto") -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"backend='cuda:{precision}' is not known; its precision is one of {PRECISIONS}.")
        self.launcher = launcher
        self.xp = launcher.xp
        self.name = "cuda" if precision == "auto" else f"cuda:{precision}"
        self.precision = precision
        self._batches: OrderedDict[Any, Batch] = OrderedDict()
        self._entries: OrderedDict[bytes, tuple[Any, Any]] = OrderedDict()

    def split_gradient(
        self, table: Table, V: Array, Wt: Array, H: Array, beta: float, floor: Array, weights: Array | None = None
    ) -> tuple[Array, Array]:
        neg, pos = self.xp.zeros_like(H), self.xp.zeros_like(H)
        self._sweep(table, V, Wt, H, beta, floor, 1.0, weights, None, None, neg, pos)
        return neg, pos

    def scale(self, table: Table, H: Array, neg: Array, pos: Array, exponent: float) -> None:
        problems, items = self._entries_of(table)
        scale = self.launcher.kernel("finish.cu", "scale", {"REAL": _real(H), "KIND": "KL"})
        scale(len(items), 256, 0, items, problems, H, neg, pos, exponent)

    def update(
        self,
        table: Table,
        V: Array,
        Wt: Array,
        H: Array,
        beta: float,
        floor: Array,
        exponent: float,
        weights: Array | None = None,
        add_neg: Array | None = None,
        add_pos: Array | None = None,
    ) -> None:
        self._sweep(table, V, Wt, H, beta, floor, exponent, weights, add_neg, add_pos, None, None)

    def sweeps(
        self,
        n: int,
        halves: Sequence[Half],
        beta: float,
        floor: Array,
        exponent: float,
        momentum: Array | None = None,
    ) -> None:
        """`n` times the updates of `halves` in turn, in one graph of launches once it is known."""
        powers = None if momentum is None else self._device(momentum)

        def work() -> None:
            for sweep in range(n):
                for half in halves:
                    if powers is not None:
                        self._extrapolate(half, powers[sweep])
                    self.update(half.table, half.V, half.Wt, half.H, beta, floor, exponent, half.weights)

        places = [tuple(_place(a) for a in (half.V, half.Wt, half.H, half.weights)) for half in halves]
        tables = [half.table.tobytes() for half in halves]
        key = (n, *places, *tables, beta, floor.tobytes(), exponent, self.precision)
        used = [self._batch_of(half.table, half.H, beta, floor, half.weights) for half in halves]
        loose = any(batch.large for batch in used) or self._by_products(halves[0].table, beta, halves[0].weights)
        if loose or powers is not None:
            work()  # what it reads changes, or its memory comes and goes: nothing for a graph
        else:
            self.launcher.repeat(key, work, used)

    def divergence(
        self, table: Table, V: Array, Wt: Array, H: Array, beta: float, floor: Array, weights: Array | None = None
    ) -> NDArray[np.float64]:
        batch = self._batch(table, floor, H.dtype, True, "fp32", divided=False)
        out = np.empty(len(table))
        for plan in batch.plans:
            values, sums = self.xp.empty(plan.blocks), self.xp.empty(len(plan.owners))
            kernel = self.launcher.kernel(plan.variant.file, "divergence", {**plan.variant.constants, "KIND": "IS"})
            kernel(plan.blocks, plan.variant.threads, plan.variant.shared,
                   plan.items, batch.problems, V, Wt, H, weights, batch.floor, beta, values)  # fmt: skip
            total = self.launcher.kernel("finish.cu", "total", {"REAL": _real(H), "KIND": "KL"})
            total(_ceil(len(plan.owners), 256), 256, 0, len(plan.owners), plan.begins, values, sums)
            out[plan.owners] = host(sums)
        for b in batch.large:
            out[b] = self._large_divergence(table[b], V, Wt, H, beta, float(floor[b]), weights)
        return out

    def _sweep(
        self,
        table: Table,
        V: Array,
        Wt: Array,
        H: Array,
        beta: float,
        floor: Array,
        exponent: float,
        weights: Array | None,
        add_neg: Array | None,
        add_pos: Array | None,
        neg: Array | None,
        pos: Array | None,
    ) -> None:
        """One update of H, or the parts of its gradient into `neg` and `pos`."""
        if self._by_products(table, beta, weights):
            self._products(table, V, Wt, H, exponent, add_neg, add_pos, neg, pos)
            return
        kind = _kind(beta, weights is not None)
        real = _real(H)
        batch = self._batch_of(table, H, beta, floor, weights)
        for plan in batch.plans:
            kernel = self.launcher.kernel(plan.variant.file, "gradient", {**plan.variant.constants, "KIND": kind})
            kernel(plan.blocks, plan.variant.threads, plan.variant.shared,
                   plan.items, batch.problems, V, Wt, H, weights, batch.floor, beta, exponent,
                   add_neg, add_pos, neg, pos, plan.work)  # fmt: skip
            if plan.finish_blocks:
                finish = self.launcher.kernel("finish.cu", "finish", {"REAL": real, "KIND": kind})
                finish(plan.finish_blocks, 256, 0,
                       plan.finish, batch.problems, H, exponent, add_neg, add_pos, neg, pos, plan.work)  # fmt: skip
        if batch.large:
            self._large(table[batch.large], V, Wt, H, beta, floor[batch.large], exponent, weights,
                        add_neg, add_pos, neg, pos)  # fmt: skip

    def coordinate_sweep(self, H: Array, gram: Array, cross: Array, inverse: Array, order: Array) -> float:
        return composed.coordinate_sweep(H, gram, cross, inverse, order)

    def coordinate_update(
        self, table: Table, V: Array, Wt: Array, H: Array, orders: list[Any], l1: float, l2: float
    ) -> NDArray[np.float64]:
        cross = composed.products(table, V, Wt, H)
        return composed.coordinate_update(table, cross, Wt, H, orders, l1, l2, self.coordinate_sweep)

    def sparse_gradient(self, v: Any, wt: Array, h: Array, floor: float | None = None) -> Array:
        return composed.sparse_gradient(v, wt, h, floor)

    def sparse_divergence(self, v: Any, wt: Array, h: Array, floor: float) -> float:
        return composed.sparse_divergence(v, wt, h, floor)

    def spatial_step(
        self, X: Array, v: Array, R: NDArray[np.complex128], psi: Array | None = None, keep_v: bool = False
    ) -> tuple[NDArray[np.complex128], float]:
        """One recording, or a batch of them of one shape: X (B, I, F, N), v (B, J, F, N), R (B, J, F, I, I)."""
        new, values = self.xp.empty_like(R), self.xp.empty(v.size // v.shape[-1] // v.shape[-3])
        self._spatial("step", X, v, (v, R, new, psi, values), psi is not None, int(keep_v))
        return new, float(values.sum())

    def spatial_gradient(
        self, X: Array, v: Array, R: NDArray[np.complex128], psi: Array | None = None
    ) -> tuple[Array, Array]:
        neg, pos = self.xp.empty_like(v), self.xp.empty_like(v)
        self._spatial("slope", X, v, (v, R, psi, neg, pos), True)
        return neg, pos

    def wiener(self, X: Array, v: Array, R: NDArray[np.complex128]) -> Array:
        images = self.xp.empty((*v.shape[:-2], *X.shape[-3:]), X.dtype)
        self._spatial("wiener", X, v, (v, R, images), False)
        return images

    def _spatial(self, name: str, X: Array, v: Array, arrays: tuple[Any, ...], two: bool, *more: int) -> None:
        """Launch a kernel of spatial.cu: a block per bin and recording."""
        channels, (sources, bins, frames) = X.shape[-3], v.shape[-3:]
        blocks = v.size // sources // frames
        square, threads = channels**2, 128 if channels <= 4 else 64 if channels <= 8 else 32
        pairs = sources * square
        doubles = pairs
        if name == "step":
            doubles += pairs + pairs * max(1, threads // pairs) + sources * (threads + 1) + threads
        # Up to 4 channels the matrices are registers, but the sums over frames go through shared memory.
        matrices = square * (threads + 1) * (two + 1 if channels > 4 else name == "step")
        scratch = None
        if 8 * (doubles + matrices) > self.launcher.shared_limit:
            scratch, matrices = self.xp.empty(blocks * 2 * square * (threads + 1)), 0
        constants = {"CH": channels, "THREADS": threads, "WIDE": int(v.dtype == np.float64)}
        kernel = self.launcher.kernel("spatial.cu", name, constants)
        kernel(blocks, threads, 8 * (doubles + matrices), X, *arrays, scratch, sources, bins, frames, *more)

    def _extrapolate(self, half: Half, powers: Any) -> None:
        problems, items = self._entries_of(half.table)
        kernel = self.launcher.kernel("finish.cu", "extrapolate", {"REAL": _real(half.H), "KIND": "KL"})
        kernel(len(items), 256, 0, items, problems, half.H, half.last, powers)

    def _entries_of(self, table: Table) -> tuple[Any, Any]:
        """A table and the work list over its entries of H, on the device; kept as plans are."""
        key = table.tobytes()
        if key not in self._entries:
            self._entries[key] = (self._device(table), self._device(_entries(table)))
            while len(self._entries) > KEPT:
                self._entries.popitem(last=False)
        return self._entries[key]

    # ---- plans -------------------------------------------------------------------------------------------------

    def _batch_of(self, table: Table, H: Array, beta: float, floor: Array, weights: Array | None) -> Batch:
        return self._batch(table, floor, H.dtype, _kind(beta, weights is not None) != "KL", self.precision)

    def _batch(
        self, table: Table, floor: Array, dtype: np.dtype[Any], two: bool, precision: str, divided: bool = True
    ) -> Batch:
        """The plans for a table; kept, since the same table comes in every iteration."""
        key = (table.tobytes(), floor.tobytes(), dtype.char, two, precision, divided)
        if key in self._batches:
            self._batches.move_to_end(key)
            return self._batches[key]
        batch = Batch(self._device(table), self._device(np.asarray(floor, np.float64)), [])
        left = table[:, K1] > table[:, K0] if divided else np.ones(len(table), bool)
        for variant in self.forms(dtype, two, precision):
            mine = np.flatnonzero(left & (table[:, K] <= variant.rank))
            left[mine] = False
            if len(mine):
                batch.plans.append(self._plan(table, mine, variant, dtype, two, divided))
        batch.large = [int(b) for b in np.flatnonzero(left)]
        self._batches[key] = batch
        while len(self._batches) > KEPT:
            self._batches.popitem(last=False)
        return batch

    def forms(self, dtype: np.dtype[Any], two: bool, precision: str) -> list[Variant]:
        """The forms of the fused kernel to choose from, by rising rank."""
        return variants(dtype, two, precision, self.launcher.shared_limit)

    def _plan(
        self, table: Table, mine: NDArray[np.intp], variant: Variant, dtype: np.dtype[Any], two: bool, divided: bool
    ) -> Plan:
        rows, columns = table[mine, F], table[mine, N]
        tiles = _ceil(columns, variant.width)
        parts = np.ones_like(tiles)
        if divided:
            # Enough blocks for the device; no sums so long that they lose digits; no part of less than two tiles.
            wanted = _ceil(self.launcher.fill, int(tiles.sum()))
            parts = np.maximum(_ceil(rows, LONGEST), np.minimum(wanted, rows // (2 * TILE)))
            parts = np.maximum(parts, 1)
        step = _ceil(_ceil(rows, parts), TILE) * TILE
        parts = _ceil(rows, step)

        count = tiles * parts
        owner = np.repeat(np.arange(len(mine)), count)
        within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        items = np.zeros(len(owner), ITEM)
        items["problem"] = mine[owner]
        items["parts"] = parts[owner]
        items["part"] = within % parts[owner]
        items["column"] = within // parts[owner] * variant.width
        items["first"] = items["part"] * step[owner]
        items["last"] = np.minimum(items["first"] + step[owner], rows[owner])

        # The workspace: for every divided problem its parts of the first sum, then those of the second.
        split = parts > 1
        size = np.where(split, parts * table[mine, K] * columns, 0)
        other = size if two else np.where(split, parts * table[mine, K], 0)
        at = np.cumsum(size + other) - size - other
        items["neg_at"], items["pos_at"] = at[owner], (at + size)[owner]
        finish = _entries(table, mine[split]).view(ITEM).reshape(-1)
        place = np.searchsorted(mine, finish["problem"])
        finish["parts"], finish["neg_at"], finish["pos_at"] = parts[place], at[place], (at + size)[place]
        work = self.xp.empty(int((size + other).sum()), dtype) if split.any() else None
        begins = np.append(0, np.cumsum(count)).astype(np.int32)
        return Plan(
            variant=variant,
            owners=mine,
            begins=self._device(begins),
            items=self._device(_words(items)),
            blocks=len(items),
            finish=self._device(_words(finish)),
            finish_blocks=len(finish),
            work=work,
        )

    # ---- β = 2 needs no Λ --------------------------------------------------------------------------------------

    def _by_products(self, table: Table, beta: float, weights: Array | None) -> bool:
        """Whether WᵀV and (WᵀW)H by cuBLAS are faster than the fused kernel: for large matrices."""
        return (
            beta == 2
            and weights is None
            and bool((table[:, F] * table[:, N]).min() >= settings()["products_from_entries"])
        )

    def _products(
        self,
        table: Table,
        V: Array,
        Wt: Array,
        H: Array,
        exponent: float,
        add_neg: Array | None,
        add_pos: Array | None,
        neg: Array | None,
        pos: Array | None,
    ) -> None:
        above, below = composed.euclidean_parts(table, V, Wt, H)
        composed.add_rows(table, above, add_neg)
        composed.add_rows(table, below, add_pos)
        if neg is None or pos is None:
            self.scale(table, H, above, below, exponent)
        else:
            neg[...], pos[...] = above, below

    # ---- ranks beyond the fused kernels ------------------------------------------------------------------------

    def _large(
        self,
        table: Table,
        V: Array,
        Wt: Array,
        H: Array,
        beta: float,
        floor: Array,
        exponent: float,
        weights: Array | None,
        add_neg: Array | None,
        add_pos: Array | None,
        neg: Array | None,
        pos: Array | None,
    ) -> None:
        """cuBLAS products with the ratio between them as one elementwise kernel, a slab of columns at a time."""
        above, below = (self.xp.zeros_like(H) if out is None else out for out in (neg, pos))
        kind = _kind(beta, True)  # both sums: what the rank costs more than pays for it
        ratios = self.launcher.kernel("finish.cu", "ratios", {"REAL": _real(H), "KIND": kind})
        for row, low, (v, wt, h) in zip(table.tolist(), floor.tolist(), views(table, V, Wt, H), strict=True):
            u = None if weights is None else view(weights, row[V_AT], *v.shape)
            rows = slice(row[K0], row[K1])
            outs = [view(flat, row[H_AT], row[K], row[N])[rows] for flat in (above, below)]
            for part in _slabs(v.shape):
                lam = self.xp.ascontiguousarray(wt.T @ h[:, part])
                second = self.xp.empty_like(lam)
                given = [None if a is None else self.xp.ascontiguousarray(a[:, part]) for a in (v, u)]
                ratios(_ceil(lam.size, 256), 256, 0, lam.size, lam, *given, second, low, beta)
                for out, ratio in zip(outs, (lam, second), strict=True):
                    out[:, part] = wt[rows] @ ratio
        composed.add_rows(table, above, add_neg)
        composed.add_rows(table, below, add_pos)
        if neg is None:
            self.scale(table, H, above, below, exponent)

    def _large_divergence(
        self, row: Table, V: Array, Wt: Array, H: Array, beta: float, low: float, weights: Array | None
    ) -> float:
        xp, total = self.xp, 0.0
        ((v, wt, h),) = views(row[None], V, Wt, H)
        u = None if weights is None else view(weights, int(row[V_AT]), *v.shape)
        for part in _slabs(v.shape):
            lam = xp.maximum((wt.T @ h[:, part]).astype(np.float64), low)
            seen = v[:, part].astype(np.float64)
            each = elementwise(xp.maximum(seen, low) if beta <= 0 else seen, lam, beta)
            total += float((each if u is None else each * u[:, part]).sum())
        return total

    # ---- arrays ------------------------------------------------------------------------------------------------

    def _device(self, array: Array) -> Any:
        return self.xp.asarray(np.ascontiguousarray(array))


class CupyLauncher:
    """The GPU, by CuPy: kernels compiled by NVRTC at first use, and kept on disk by CuPy."""

    def __init__(self) -> None:
        import cupy

        self.xp = cupy
        attributes = cupy.cuda.Device().attributes
        self.fill = 2 * int(attributes["MultiProcessorCount"])
        self.shared_limit = int(attributes["MaxSharedMemoryPerBlockOptin"])
        self._kernels: dict[Any, Callable[..., None]] = {}
        self._graphs: OrderedDict[Any, Any] = OrderedDict()

    def kernel(self, file: str, name: str, constants: Mapping[str, Any]) -> Callable[..., None]:
        key = (file, name, *constants.items())
        if key not in self._kernels:
            self._kernels[key] = self._compiled(file, name, constants)
        return self._kernels[key]

    def _compiled(self, file: str, name: str, constants: Mapping[str, Any]) -> Callable[..., None]:
        options = ("-std=c++17", *(f"-D{key}={value}" for key, value in constants.items()))
        function = self.xp.RawModule(code=source(file), options=options).get_function(name)
        granted = 48 * 1024  # bytes of shared memory that need no asking
        types = [{"i64": np.int64, "int": np.int32, "double": np.float64}.get(one) for one in signature(file, name)]

        def launch(blocks: int, threads: int, shared: int, *arguments: Any) -> None:
            nonlocal granted
            given = []
            for value, kind in zip(arguments, types, strict=True):
                if kind is not None or value is None:
                    given.append((kind or np.intp)(value or 0))  # a null pointer is a 0 of its size
                elif value.flags.c_contiguous:
                    given.append(value)
                else:
                    raise ValueError(f"{name} takes C-contiguous arrays only.")
            if shared > granted:
                function.max_dynamic_shared_size_bytes = granted = shared
            function((blocks,), (threads,), tuple(given), shared_mem=shared)

        return launch

    def repeat(self, key: Any, work: Callable[[], None], used: Any) -> None:
        if key not in self._graphs:
            work()  # compiles what is missing and makes the plans: nothing of that may happen while recording
            self._graphs[key] = (None, used)
            while len(self._graphs) > KEPT:
                self._graphs.popitem(last=False)
            return
        self._graphs.move_to_end(key)
        graph, used = self._graphs[key]
        if graph is None:
            stream = self.xp.cuda.Stream(non_blocking=True)
            with stream:
                stream.begin_capture()
                work()
                graph = stream.end_capture()
            self._graphs[key] = (graph, used)
        graph.launch()


@cache
def present() -> bool:
    """Whether CuPy finds a GPU that the kernels run on: compute capability 8.0 or newer."""
    try:
        import cupy

        return cupy.cuda.runtime.getDeviceCount() > 0 and int(cupy.cuda.Device().compute_capability) >= 80
    except Exception:  # no CuPy; or, without a driver or with libraries missing, many kinds
        return False


def device_name() -> str | None:
    """The GPU in use; None where there is none."""
    if not present():
        return None
    import cupy

    name: str = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    return name


@cache
def backend(precision: str = "auto") -> Cuda:
    """The backend on the current GPU."""
    return Cuda(CupyLauncher(), precision)


@cache
def settings() -> dict[str, Any]:
    """The table of variants, as measured on some device or chosen by arithmetic: nmfcore/cuda/variants.json."""
    found: dict[str, Any] = json.loads((FOLDER / "variants.json").read_text(encoding="utf-8"))
    return found


def variants(dtype: np.dtype[Any], two: bool, precision: str, shared_limit: int) -> list[Variant]:
    """The fused kernels for one or two sums, by rising rank; those that the device has no room for are left out."""
    table, how = settings(), "two" if two else "one"
    if dtype == np.float64:
        found = [simt("double", entry["rank"], *entry[how]) for entry in table["fp64"]]
    else:
        exact = [simt("float", entry["rank"], *entry[how]) for entry in table["fp32"]]
        terms = 1 if precision == "tf32" else 3
        fast = [tensor(terms, entry["rank"], *entry[how]) for entry in table["tensor"]]
        fast = [one for one in fast if one.shared <= shared_limit]
        if precision == "fp32":
            fast = []
        elif precision == "auto":
            exact, fast = (
                [one for one in exact if not fast or not table["tensor_from_rank"] <= one.rank <= fast[-1].rank],
                [one for one in fast if one.rank >= table["tensor_from_rank"]],
            )
        else:
            exact = [one for one in exact if not fast or one.rank > fast[-1].rank]
        found = sorted(exact + fast, key=lambda one: one.rank)
    return [one for one in found if one.shared <= shared_limit]


def simt(real: str, rank: int, lanes: int, columns: int) -> Variant:
    """The form of simt.cu in which `lanes` threads share `columns` columns."""
    size, threads = (8 if real == "double" else 4), 128
    vector = 16 // size
    stride = (rank // vector | 1) * vector
    width = threads // lanes * columns
    buffer = max(2 * TILE * stride, 2 * vector * lanes * width)
    constants = {"REAL": real, "KP": rank, "LANES": lanes, "COLS": columns, "THREADS": threads, "BLOCKS": 2}
    return Variant("simt.cu", constants, rank, width, threads, (buffer + rank) * size)


def tensor(terms: int, rank: int, split: int, groups: int) -> Variant:
    """The form of tensor.cu in which `split` warps share 16 columns, `groups` times in a block."""
    board = split * groups * TILE * 16 if split > 1 else 0
    constants = {"KP": rank, "SPLIT": split, "GROUPS": groups, "TERMS": terms}
    return Variant("tensor.cu", constants, rank, 16 * groups, 32 * split * groups, 4 * (2 * rank * 40 + rank + board))


def _ceil(a: Any, b: Any) -> Any:
    """a / b, rounded up."""
    return -(-a // b)


def _kind(beta: float, weighted: bool) -> str:
    if beta == 1:
        return "KL_WEIGHTED" if weighted else "KL"
    return {0.0: "IS", 2.0: "EUCLIDEAN", 0.5: "ROOT", 1.5: "ROOT"}.get(beta, "GENERAL")


def _real(array: Array) -> str:
    return "double" if array.dtype == np.float64 else "float"


def _place(array: Any) -> int:
    """Where an array lies in memory; 0 for none."""
    return 0 if array is None else int(array.data.ptr)


def _entries(table: Table, mine: NDArray[np.intp] | None = None) -> Array:
    """Work list over the entries of H of all or some problems, as rows of words."""
    mine = np.arange(len(table)) if mine is None else mine
    size = table[mine, K] * table[mine, N]
    count = _ceil(size, ENTRIES)
    owner = np.repeat(np.arange(len(mine)), count)
    items = np.zeros(len(owner), ITEM)
    items["problem"] = mine[owner]
    items["first"] = (np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)) * ENTRIES
    items["last"] = np.minimum(items["first"] + ENTRIES, size[owner])
    return _words(items)


def _words(items: NDArray[Any]) -> NDArray[np.int64]:
    """Structures as rows of 64-bit words: device arrays know no structures."""
    return items.view(np.int64).reshape(len(items), ITEM.itemsize // 8)


def _slabs(shape: tuple[int, ...], entries: int = 1 << 24) -> list[slice]:
    """Ranges of columns with at most so many entries each."""
    rows, columns = shape
    width = max(1, entries // rows)
    return [slice(n, min(n + width, columns)) for n in range(0, columns, width)]
