"""The programs that are timed on the device: nmfcore in its precisions, and the peers.

All take float32 arrays that already lie on the device, and end with the device idle.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import nmfcore
from nmfcore import backends, layout
from nmfcore.divergence import level_floor, mm_exponent
from nmfcore.layout import host

from ..contest import Contestant
from ..nmf_programs import Workload
from .device import Device

PRECISIONS = ("fp32", "tf32x3", "tf32")


def _placed(work: Workload, device: Device) -> tuple[Any, Any, Any]:
    """V, W and H on the device: one array each where all shapes are alike."""
    parts = (work.V, work.W, work.H)
    if len({v.shape for v in work.V}) == 1:
        return tuple(device.xp.asarray(np.stack(part)) for part in parts)  # type: ignore[return-value]
    return tuple([device.xp.asarray(one) for one in part] for part in parts)  # type: ignore[return-value]


def ours(work: Workload, device: Device, precision: str) -> Contestant:
    """nmfcore: all problems in one call."""
    V, W, H = _placed(work, device)

    def run(n: int) -> Any:
        fit = nmfcore.nmf(
            V, beta=work.beta, W=W, H=H, free_w=work.free_w, n_iter=n, backend=f"cuda:{precision}", check_every=50
        )
        device.synchronize()
        return [(host(w), host(h)) for w, h in zip(fit.W, fit.H, strict=True)] if n == 1 else fit

    return Contestant(f"nmfcore {precision}", run)


def sweeps(work: Workload, device: Device, precision: str) -> tuple[int, Callable[[], None]]:
    """A number of iterations, and nmfcore's kernels alone doing them: nothing is set up, checked or copied."""
    engine = backends.get(f"cuda:{precision}")
    table = layout.make_table([v.shape for v in work.V], [w.shape[1] for w in work.W])
    parts = (work.V, [v.T for v in work.V], [w.T for w in work.W], work.H)
    V, Vt, Wt, H = (device.xp.asarray(np.concatenate([one.reshape(-1) for one in part])) for part in parts)
    floor = level_floor(np.array([v.max() for v in work.V]), work.beta, np.float32)
    halves = [layout.Half(table, V, Wt, H, work.beta, floor)]
    if work.free_w:
        halves.append(layout.Half(layout.transposed(table), Vt, H, Wt, work.beta, floor))
    count = 2 if device.tiny else 50
    return count, partial(engine.sweeps, count, halves, mm_exponent(work.beta))


def formulas(work: Workload, device: Device, library: str) -> Contestant:
    """The formulas as one writes them with CuPy or torch: products by cuBLAS, one elementwise kernel per operation.

    Problems of one shape are one batch of products.
    """
    import torch

    beta = work.beta
    exponent = 1 / (2 - beta) if beta < 1 else 1.0
    tiny = float(np.finfo(np.float32).tiny)
    if library == "torch":

        def place(a: Any) -> Any:
            return torch.from_numpy(a).to(device.torch)

        def floor(a: Any) -> Any:
            return torch.clamp(a, min=tiny)
    else:
        place = device.xp.asarray

        def floor(a: Any) -> Any:
            return device.xp.maximum(a, tiny)

    problems = list(zip(work.V, work.W, work.H, strict=True))
    if len({v.shape for v in work.V}) == 1:
        problems = [tuple(map(np.stack, (work.V, work.W, work.H)))]  # type: ignore[list-item]
    start = [tuple(map(place, one)) for one in problems]

    def turned(a: Any) -> Any:
        return a.swapaxes(-1, -2)

    def ratio(V: Any, W: Any, H: Any) -> Any:
        Wt = turned(W)
        if beta == 2:
            change = (Wt @ V) / floor(Wt @ W @ H)
        elif beta == 1:
            change = (Wt @ (V / floor(W @ H))) / floor(W.sum(-2)[..., None])
        else:
            L = floor(W @ H)
            change = (Wt @ (V * L ** (beta - 2))) / floor(Wt @ L ** (beta - 1))
        return change if exponent == 1 else change**exponent

    def run(n: int) -> Any:
        result = []
        for V, W, H in start:
            for _ in range(n):
                H = H * ratio(V, W, H)
                if work.free_w:
                    W = W * turned(ratio(turned(V), turned(H), turned(W)))
            result.append((W, H))
        device.synchronize()
        if n > 1:
            return result
        down: Callable[[Any], Any] = host if library != "torch" else lambda a: a.cpu().numpy()
        pairs = [(down(W), down(H)) for W, H in result]
        return list(zip(*pairs[0], strict=True)) if pairs[0][0].ndim == 3 else pairs

    return Contestant(f"{library} formulas", run)


def torchnmf(work: Workload, device: Device) -> Contestant:
    """torchnmf, problem after problem; its model is Vᵀ ≈ H Wᵀ."""
    import torch
    from torchnmf.nmf import NMF

    def place(a: Any) -> Any:
        return torch.from_numpy(np.ascontiguousarray(a)).to(device.torch)

    start = [tuple(map(place, (V.T, W, H.T))) for V, W, H in zip(work.V, work.W, work.H, strict=True)]

    def run(n: int) -> Any:
        result = []
        for V, W, H in start:
            net = NMF(W=W, H=H, trainable_W=work.free_w).to(device.torch)
            net.fit(V, beta=work.beta, tol=-float("inf"), max_iter=n)
            result.append((net.W.detach().cpu().numpy(), net.H.detach().cpu().numpy().T))
        device.synchronize()
        return result

    return Contestant("torchnmf", run, longest=9)


def em_ours(X: Any, v: Any, R: Any, device: Device) -> Contestant:
    """Iterations of the local Gaussian model: a batch of recordings in one launch each, as bins of one."""
    engine = backends.get("cuda")

    def in_a_row(a: Any) -> Any:
        """(B, J, F, …) as (J, B·F, …)."""
        turned = device.xp.ascontiguousarray(a.swapaxes(0, 1))
        return turned.reshape(len(turned), -1, *a.shape[3:])

    mixtures, start, initial = map(in_a_row, (X, v, R))

    def run(n: int) -> Any:
        variances, covariances = start.copy(), initial
        for _ in range(n):
            covariances, _ = engine.spatial_step(mixtures, variances, covariances)
        device.synchronize()
        return host(covariances).reshape(R.swapaxes(0, 1).shape).swapaxes(0, 1)

    return Contestant("nmfcore", run)


def em_formulas(X: Any, v: Any, R: Any, device: Device) -> Contestant:
    """The same iteration as one writes it with CuPy: batched inverses, everything of size (J, F, N, I, I) stored."""
    xp, eye = device.xp, device.xp.asarray(np.eye(X.shape[1]))

    def run(n: int) -> Any:
        results = []
        for x, start, covariance in zip(X, v, R, strict=True):
            variance, cov = start, covariance
            column = xp.moveaxis(x, 0, -1)[..., None]  # (F, N, I, 1)
            for _ in range(n):
                source = variance[..., None, None] * cov[:, :, None]
                gain = source @ xp.linalg.inv(source.sum(0))
                image = gain @ column
                hat = image @ xp.conj(xp.swapaxes(image, -1, -2)) + (eye - gain) @ source
                cov = (hat / variance[..., None, None]).mean(2)
                trace = xp.trace(xp.linalg.inv(cov)[:, :, None] @ hat, axis1=-2, axis2=-1).real
                variance = trace / x.shape[0]
            results.append(host(cov))
        device.synchronize()
        return np.stack(results)

    return Contestant("cupy formulas", run)
