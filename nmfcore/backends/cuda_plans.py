"""How the work of a table is dealt out over the blocks of a GPU: forms of the fused kernel, work lists, workspaces."""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends.cuda_launcher import Launcher
from nmfcore.cuda import FOLDER
from nmfcore.layout import K0, K1, ROW_AT, Array, F, Half, K, N, Table

TILE = 32  # rows of V that the kernels take at once
LONGEST = 1024  # rows that one block adds up in a row: longer sums lose digits
ITEM = np.dtype(
    [("problem", "i4"), ("column", "i4"), ("part", "i4"), ("parts", "i4")]
    + [(name, "i8") for name in ("first", "last", "neg_at", "pos_at")]
)
ENTRIES = 2048  # of H, per block of the cheap kernels
KEPT = 32  # plans that are kept for their next use
EMULATED_FROM = 16  # rank of tf32x3's first form; fewer terms fill half a tile and average no error out


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
    floored: NDArray[np.float64]  # what `floor` holds
    plans: list[Plan]
    large: list[int] = field(default_factory=list)  # problems of a rank that no fused kernel takes


@dataclass
class Groups:
    """What group sparsity is computed from in the problems that have these groups."""

    problems: Any
    count: int
    given: tuple[Any, ...]  # nmfcore.layout.Ending.groups, its arrays on the device
    shared: int  # bytes


@dataclass
class Sparsity:
    """The group sparsity of a half of a sweep, and where its two parts go: a value per row."""

    groups: list[Groups]
    neg: Any
    pos: Any


class _Kept(threading.local):
    """What a thread keeps for itself: two threads that shared a workspace would overwrite each other's sums."""

    def __init__(self) -> None:
        self.batches: OrderedDict[Any, Batch] = OrderedDict()
        self.entries: OrderedDict[bytes, tuple[Any, Any]] = OrderedDict()
        self.sparsities: OrderedDict[Any, Sparsity] = OrderedDict()


class Plans:
    """The plans of the tables that came last: the same ones come in every iteration."""

    def __init__(self, launcher: Launcher, forms: Callable[[np.dtype[Any], bool, str], list[Variant]]) -> None:
        self.launcher, self.xp = launcher, launcher.xp
        self.forms = forms  # of the fused kernel, by rising rank: for a type, whether for two sums, and a precision
        self._kept = _Kept()

    def entries(self, table: Table) -> tuple[Any, Any]:
        """A table and the work list over its entries of H, on the device; kept as plans are."""
        key, kept = table.tobytes(), self._kept.entries
        if key not in kept:
            kept[key] = (self.device(table), self.device(_entries(table)))
            while len(kept) > KEPT:
                kept.popitem(last=False)
        return kept[key]

    def sparsity(self, half: Half) -> Sparsity | None:
        """The group sparsity of a half of a sweep, if there is any; kept as plans are."""
        if half.endings is None:
            return None
        table, dtype, kept = half.table, half.H.dtype, self._kept.sparsities
        sets: dict[int, tuple[Any, list[int]]] = {}
        for b, ending in enumerate(half.endings):
            assert ending.groups is not None
            sets.setdefault(id(ending.groups[0]), (ending.groups, []))[1].append(b)
        found = [(*arrays, eps, mine) for (*arrays, eps), mine in sets.values()]
        key = (table.tobytes(), dtype.char, *(np.asarray(part).tobytes() for one in found for part in one))
        if key not in kept:
            size = int((table[:, ROW_AT] + table[:, K]).max())
            groups = []
            for *arrays, eps, mine in found:
                rank, blocks, sources = (len(arrays[i]) for i in (0, 2, 4))
                given = (*map(self.device, arrays), blocks, sources, eps)
                groups.append(Groups(self.device(table[mine]), len(mine), given, 8 * (rank + blocks + sources)))
            kept[key] = Sparsity(groups, self.xp.zeros(size, dtype), self.xp.zeros(size, dtype))
            while len(kept) > KEPT:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]

    def batch(self, half: Half, two: bool, precision: str, divided: bool = True) -> Batch:
        """The plans for a half of a sweep that needs one or two sums; with `divided`, long problems in parts."""
        table, dtype, kept = half.table, half.H.dtype, self._kept.batches
        floor = np.asarray(half.floor, np.float64)
        key = (table.tobytes(), dtype.char, two, precision, divided)
        if key in kept:
            kept.move_to_end(key)
            batch = kept[key]
            if (batch.floored != floor).any():  # the same place for other values: graphs read it
                batch.floor[...] = self.device(floor)
                batch.floored = floor.copy()
            return batch
        batch = Batch(self.device(table), self.device(floor), floor.copy(), [])
        left = table[:, K1] > table[:, K0] if divided else np.ones(len(table), bool)
        for variant in self.forms(dtype, two, precision):
            mine = np.flatnonzero(left & (table[:, K] <= variant.rank))
            left[mine] = False
            if len(mine):
                batch.plans.append(self._plan(table, mine, variant, dtype, two, divided))
        batch.large = [int(b) for b in np.flatnonzero(left)]
        kept[key] = batch
        while len(kept) > KEPT:
            kept.popitem(last=False)
        return batch

    def _plan(
        self, table: Table, mine: NDArray[np.intp], variant: Variant, dtype: np.dtype[Any], two: bool, divided: bool
    ) -> Plan:
        rows, columns = table[mine, F], table[mine, N]
        tiles = ceil(columns, variant.width)
        parts = np.ones_like(tiles)
        if divided:
            # Enough blocks for the device; no sums so long that they lose digits; no part of less than two tiles.
            wanted = ceil(self.launcher.fill, int(tiles.sum()))
            parts = np.maximum(ceil(rows, LONGEST), np.minimum(wanted, rows // (2 * TILE)))
            parts = np.maximum(parts, 1)
        step = ceil(ceil(rows, parts), TILE) * TILE
        parts = ceil(rows, step)

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
            begins=self.device(begins),
            items=self.device(_words(items)),
            blocks=len(items),
            finish=self.device(_words(finish)),
            finish_blocks=len(finish),
            work=work,
        )

    def device(self, array: Array) -> Any:
        """An array of the host, on the device."""
        return self.xp.asarray(np.ascontiguousarray(array))


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
        least = {"auto": table["tensor_from_rank"], "tf32x3": EMULATED_FROM, "tf32": 1}.get(precision, np.inf)
        terms = 1 if precision == "tf32" else 3
        fast = [tensor(terms, entry["rank"], *entry[how]) for entry in table["tensor"] if entry["rank"] >= least]
        fast = [one for one in fast if one.shared <= shared_limit]
        exact = [simt("float", entry["rank"], *entry[how]) for entry in table["fp32"]]
        exact = [one for one in exact if not fast or not fast[0].rank <= one.rank <= fast[-1].rank]
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


def ceil(a: Any, b: Any) -> Any:
    """a / b, rounded up."""
    return -(-a // b)


def _entries(table: Table, mine: NDArray[np.intp] | None = None) -> Array:
    """Work list over the entries of H of all or some problems, as rows of words."""
    mine = np.arange(len(table)) if mine is None else mine
    size = table[mine, K] * table[mine, N]
    count = ceil(size, ENTRIES)
    owner = np.repeat(np.arange(len(mine)), count)
    items = np.zeros(len(owner), ITEM)
    items["problem"] = mine[owner]
    items["first"] = (np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)) * ENTRIES
    items["last"] = np.minimum(items["first"] + ENTRIES, size[owner])
    return _words(items)


def _words(items: NDArray[Any]) -> NDArray[np.int64]:
    """Structures as rows of 64-bit words: device arrays know no structures."""
    return items.view(np.int64).reshape(len(items), ITEM.itemsize // 8)
