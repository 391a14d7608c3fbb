"""Backends: a handful of primitives over batches, each in one file; everything above is written once for all.

`reference` is NumPy in float64 and the oracle of every test, `native` the compiled kernels, `jit` the Numba
kernels that take over where no compiler was, `cuda` the kernels for NVIDIA GPUs (``"cuda:fp32"``, ``"cuda:tf32x3"``
and ``"cuda:tf32"`` choose its precision). See :class:`Backend` for what a backend offers.
"""

import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends import cuda
from nmfcore.layout import Array, Half, Table, on_device

PREFERENCE = ("native", "jit", "reference")
_warned = False


class Backend(Protocol):
    """The seam. Buffers are flat and C-contiguous, `table` says where each problem lies (:mod:`nmfcore.layout`)."""

    name: str
    xp: Any  # numpy or cupy: where the arrays lie, and what else is done to them

    def split_gradient(
        self, table: Table, V: Array, Wt: Array, H: Array, beta: float, floor: Array, weights: Array | None = None
    ) -> tuple[Array, Array]:
        """The negative and positive parts of ∂D_β/∂H, laid out like H; only rows K0:K1 are set.

        neg = W ᵀ(V ⊙ Λ^(β−2)), pos = Wᵀ Λ^(β−1), Λ = WH. Λ is taken no smaller than `floor` (one value per
        problem) and, where β ≤ 0 makes the divergence infinite at zero, V too; β = 2 needs no floor and may be
        computed without Λ.
        """

    def scale(self, table: Table, H: Array, neg: Array, pos: Array, exponent: float) -> None:
        """H ← H ⊙ (neg / pos)^exponent in place, rows K0:K1; 0 where pos is 0."""

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
        """`split_gradient`, plus a value per row of H (flat, at ROW_AT) added to each part, then `scale`, fused."""

    def sweeps(
        self,
        n: int,
        halves: Sequence[Half],
        beta: float,
        floor: Array,
        exponent: float,
        momentum: Array | None = None,
    ) -> None:
        """`n` times `update` of each half in turn, with nothing in between: what is left of a fit without penalties.

        One call, so that a backend can keep a problem in its cache, or on its device, for all of them. With
        `momentum` (n, problems) each update starts from H ⊙ (H / last)^momentum instead of H, and keeps H in `last`.
        """

    def divergence(
        self, table: Table, V: Array, Wt: Array, H: Array, beta: float, floor: Array, weights: Array | None = None
    ) -> NDArray[np.float64]:
        """D_β(V | WH) of each problem, accumulated in float64."""

    def coordinate_sweep(self, H: Array, gram: Array, cross: Array, inverse: Array, order: Array) -> float:
        """Move the rows of one H (K, N), in place and in that order, each to its minimum with the others as they are.

        h_k ← max(h_k − (gram_k H − cross_k) · inverse_k, 0); returns Σ |projected gradient| before each move.
        """

    def coordinate_update(
        self, table: Table, V: Array, Wt: Array, H: Array, orders: list[Any], l1: float, l2: float
    ) -> NDArray[np.float64]:
        """`coordinate_sweep` on each problem for β = 2 with penalties l1‖H‖₁ + (l2/2)‖H‖²; what the sweeps return."""

    def sparse_gradient(self, v: Any, wt: Array, h: Array, floor: float | None = None) -> Array:
        """Wᵀ(V / Λ) over the non-zeros of one V (CSC), Λ no smaller than `floor`; without a floor WᵀV."""

    def sparse_divergence(self, v: Any, wt: Array, h: Array, floor: float) -> float:
        """Σ V log(V / Λ) over the non-zeros of one V (CSC)."""

    def spatial_step(
        self, X: Array, v: Array, R: NDArray[np.complex128], psi: Array | None = None, keep_v: bool = False
    ) -> tuple[NDArray[np.complex128], float]:
        """One EM iteration of the local Gaussian model; `v` (J, F, N) is updated in place unless `keep_v`.

        Returns the new R (J, F, I, I) and the log-likelihood of the parameters that came in. `psi` holds the
        locally averaged covariance as I² real planes (I², F, N), or is None for Ψ = x xᴴ.
        """

    def spatial_gradient(
        self, X: Array, v: Array, R: NDArray[np.complex128], psi: Array | None = None
    ) -> tuple[Array, Array]:
        """The negative and positive parts, (J, F, N), of the gradient of −log-likelihood in v.

        neg = tr(R_j Σ_x⁻¹ Ψ Σ_x⁻¹), pos = tr(R_j Σ_x⁻¹).
        """

    def wiener(self, X: Array, v: Array, R: NDArray[np.complex128]) -> Array:
        """The source images v_j R_j Σ_x⁻¹ x, (J, I, F, N)."""


@runtime_checkable
class Constrains(Protocol):
    """What a backend may have besides: fused forms of exact updates whose formulas are those of the penalties."""

    def couple(self, H: Array, neg: Array, pos: Array, target: Array, alpha: Array, smoothness: float) -> None:
        """The update of :class:`nmfcore.penalties.Coupling` for β = 1 and ℓ1: H (K, N) in place, target, α (K,)."""

    def unit_norm(self, H: Array, neg: Array, pos: Array) -> None:
        """The update of :class:`nmfcore.penalties.UnitNorm` with exponent 1: H (K, N) in place."""


def available() -> list[str]:
    """Names of the backends that work here, the preferred one for the CPU first.

    >>> "reference" in available()
    True
    """
    found = _for_cpu()
    return [*found[:-1], *(["cuda"] if cuda.present() else []), found[-1]]


def _for_cpu() -> list[str]:
    """Asks for no GPU: that would import CuPy."""
    needs = {"native": "nmfcore._native", "jit": "numba", "reference": "numpy"}
    return [name for name in PREFERENCE if find_spec(needs[name]) is not None]


def get(name: str = "auto", device: str = "auto", data: Any = None) -> Backend:
    """The backend of that name; `"auto"` is the fastest one on the device, and the device is where `data` is."""
    global _warned
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device={device!r} is not known; use 'auto', 'cpu' or 'cuda'.")
    kind, _, precision = name.partition(":")
    if kind == "cuda" or (name == "auto" and (device == "cuda" or (device == "auto" and on_device(data)))):
        if device == "cpu":
            raise ValueError(f"backend={name!r} does not work on device='cpu'; leave one of them out.")
        if not cuda.present():
            raise ValueError(
                f"{'backend' if kind == 'cuda' else 'device'}={name if kind == 'cuda' else device!r} is not available: "
                "CuPy finds no NVIDIA GPU of compute capability 8.0 or newer. Install nmfcore[cuda] on a machine that "
                "has one, or use device='cpu'."
            )
        return cuda.backend(precision or "auto")
    if device == "cuda":
        raise ValueError(f"backend={name!r} works on the CPU; with device='cuda' leave it out.")
    found = _for_cpu()
    if name == "auto":
        name = found[0]
        if name != "native" and not _warned:
            _warned = True
            warnings.warn(
                f"nmfcore was installed without its compiled kernels, so {name!r} is used, which is several times "
                "slower; install a C++ compiler and reinstall to get them.",
                RuntimeWarning,
                stacklevel=3,
            )
    if name not in found:
        raise ValueError(f"backend={name!r} is not available here; found: {available()}.")
    module: Any = import_module(f"nmfcore.backends.{name}")
    backend: Backend = module.BACKEND
    return backend


def for_job(engine: Backend, multiply_adds: float) -> Backend:
    """The same backend, or the one of a GPU that is present where so much work is done faster there."""
    if multiply_adds >= cuda.settings()["gpu_from_multiply_adds"] and cuda.present():
        return cuda.backend()
    return engine
