"""The programs that do β-NMF iterations: nmfcore's backends, scikit-learn, torchnmf, plain NumPy.

All take the same float32 matrices and the same start, and do multiplicative updates with the exponent that
majorisation-minimisation gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contest import Contestant
from .machine import THREADS

Array = NDArray[Any]
Factors = list[tuple[Array, Array]]  # W (F, K) and H (K, N) of each problem


@dataclass(frozen=True)
class Workload:
    """Problems to be factorized together, with their common start.

    Attributes:
        name: of the result file.
        what: one line for the tables.
        beta: the divergence.
        V: matrices (F, N_b), float32, positive.
        W: starting patterns (F, K) of each.
        H: starting activations (K, N_b) of each.
        free_w: False where the patterns are given and only H is updated.
        sparsity: groups of rows of H for nmfcore's relative group sparsity, which no peer offers.
    """

    name: str
    what: str
    beta: float
    V: list[Array]
    W: list[Array]
    H: list[Array]
    free_w: bool = True
    sparsity: list[tuple[slice, ...]] = field(default_factory=list)

    def flops(self) -> float:
        """Floating point operations of one iteration in matrix products (kernels.md's count)."""
        total = 0.0
        for V, W in zip(self.V, self.W, strict=True):
            (f, n), k = V.shape, W.shape[1]
            if self.beta == 2:
                half = 2 * f * n * k + 2 * k * k * (f + n)
            elif self.beta == 1:
                half = 4 * f * n * k
            else:
                half = 6 * f * n * k
            total += half * (2 if self.free_w else 1)
        return total


def spectrogram(rng: np.random.Generator, f: int, n: int, beta: float) -> Array:
    """A made-up spectrogram (F, N): few patterns, 60 dB, speckle; power for β ≤ 0.5, else magnitude."""
    W = rng.gamma(0.3, size=(f, 12)) * 10 ** -(np.linspace(0, 3, f)[:, None])
    H = rng.gamma(0.3, size=(12, n))
    power = (W @ H + 1e-6) * rng.exponential(size=(f, n)) + 1e-9
    power /= power.mean()
    return np.ascontiguousarray(power if beta <= 0.5 else np.sqrt(power), dtype=np.float32)


def make(name: str, what: str, beta: float, f: int, frames: Sequence[int], k: int, *, free_w: bool = True) -> Workload:
    """A workload with a seeded random start whose product has the mean of V."""
    rng = np.random.default_rng(1)
    V = [spectrogram(rng, f, n, beta) for n in frames]
    W = [rng.uniform(0.1, 1, (f, k)).astype(np.float32) for _ in V]
    H = []
    for v, w in zip(V, W, strict=True):
        level = float(v.mean() / (w.mean() * k))
        # scikit-learn starts from a constant wherever the patterns are fixed, so all do.
        start = rng.uniform(0.5, 1.5, (k, v.shape[1])) if free_w else np.ones((k, v.shape[1]))
        H.append((level * start).astype(np.float32))
    if not free_w:
        H = [np.full_like(h, np.sqrt(v.mean() / k)) for v, h in zip(V, H, strict=True)]
    return Workload(name, what, beta, V, W, H, free_w)


def ours(work: Workload, backend: str) -> Contestant:
    """nmfcore: all problems in one call."""
    import nmfcore

    penalties = []
    if work.sparsity:
        penalties = [nmfcore.penalties.GroupSparsity(work.sparsity, 1e-3, gamma=1.0)]

    def run(n: int) -> Factors:
        fit = nmfcore.nmf(
            work.V,
            beta=work.beta,
            W=work.W,
            H=work.H,
            free_w=work.free_w,
            penalties=penalties,
            n_iter=n,
            backend=backend,
        )
        return list(zip(fit.W, fit.H, strict=True))

    return Contestant(f"nmfcore {backend}" + (" + group sparsity" if penalties else ""), run)


def scikit_learn(work: Workload) -> Contestant:
    """scikit-learn's solver="mu", problem after problem."""
    from sklearn.decomposition import non_negative_factorization

    if work.beta == 0:
        loss: float | str = "itakura-saito"
    else:
        loss = {1: "kullback-leibler", 2: "frobenius"}.get(work.beta, work.beta)

    def fit(V: Array, W: Array, H: Array, n: int) -> tuple[Array, Array]:
        common = {"solver": "mu", "beta_loss": loss, "tol": 0, "max_iter": n, "n_components": W.shape[1]}
        if work.free_w:
            # scikit-learn updates the factors that it is given in place.
            W, H, _ = non_negative_factorization(V, W=W.copy(), H=H.copy(), init="custom", **common)
            return W, H
        # It keeps the right-hand factor, so the fixed patterns go there. It makes the start itself.
        Ht, Wt, _ = non_negative_factorization(V.T, H=np.ascontiguousarray(W.T), update_H=False, **common)
        return Wt.T, Ht.T

    def run(n: int) -> Factors:
        return [fit(V, W, H, n) for V, W, H in zip(work.V, work.W, work.H, strict=True)]

    return Contestant("scikit-learn MU", run)


def torchnmf(work: Workload) -> Contestant:
    """torchnmf on the CPU, problem after problem; its model is Vᵀ ≈ H Wᵀ."""
    import torch
    from torchnmf.nmf import NMF

    torch.set_num_threads(THREADS)
    Vt = [torch.from_numpy(np.ascontiguousarray(V.T)) for V in work.V]
    starts = [
        (torch.from_numpy(W), torch.from_numpy(np.ascontiguousarray(H.T))) for W, H in zip(work.W, work.H, strict=True)
    ]

    def run(n: int) -> Factors:
        result = []
        for V, (W, H) in zip(Vt, starts, strict=True):
            net = NMF(W=W, H=H, trainable_W=work.free_w)
            net.fit(V, beta=work.beta, tol=-float("inf"), max_iter=n)
            result.append((net.W.detach().numpy(), net.H.detach().numpy().T))
        return result

    return Contestant("torchnmf", run, longest=9)


def numpy_formulas(work: Workload, dtype: Any = np.float32, h_first: bool = False) -> Contestant:
    """The formulas of the papers as one writes them in NumPy; in float64, the truth of the error column."""
    beta = work.beta
    exponent = 1 / (2 - beta) if beta < 1 else 1.0
    tiny = np.finfo(np.float32).tiny

    def ratio(V: Array, W: Array, H: Array) -> Array:
        """The factor that multiplies H."""
        if beta == 2:
            change = (W.T @ V) / np.maximum(W.T @ W @ H, tiny)
        else:
            L = np.maximum(W @ H, tiny)
            if beta == 1:
                change = (W.T @ (V / L)) / np.maximum(W.sum(0)[:, None], tiny)
            elif beta == 0:
                change = (W.T @ (V / (L * L))) / np.maximum(W.T @ (1 / L), tiny)
            else:
                change = (W.T @ (V * L ** (beta - 2))) / np.maximum(W.T @ L ** (beta - 1), tiny)
        return change if exponent == 1 else np.sqrt(change) if exponent == 0.5 else change**exponent

    def run(n: int) -> Factors:
        result = []
        for V, W, H in zip(*([a.astype(dtype) for a in part] for part in (work.V, work.W, work.H)), strict=True):
            for _ in range(n):
                if h_first:
                    H *= ratio(V, W, H)
                if work.free_w:
                    W *= ratio(V.T, H.T, W.T).T
                if not h_first:
                    H *= ratio(V, W, H)
            result.append((W, H))
        return result

    return Contestant("NumPy formulas", run)


def error(work: Workload, contestant: Contestant) -> float:
    """Largest relative error (Frobenius) of W and H after one iteration, against the formulas in float64.

    Programs differ in which factor goes first; each is held against the order that it follows.
    """
    got = contestant.run(1)
    errors = []
    for h_first in (False, True):
        truth = numpy_formulas(work, np.float64, h_first).run(1)
        errors.append(
            max(
                float(np.linalg.norm(np.asarray(a, np.float64) - b) / np.linalg.norm(b))
                for pair, true in zip(got, truth, strict=True)
                for a, b in zip(pair, true, strict=True)
            )
        )
    return min(errors)
